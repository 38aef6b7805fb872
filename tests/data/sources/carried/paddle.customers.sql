SELECT DISTINCT 'ctm_' || customer_id AS customer_id, name, email, 'en' AS language
FROM obligation
WHERE customer_id IS NOT NULL
