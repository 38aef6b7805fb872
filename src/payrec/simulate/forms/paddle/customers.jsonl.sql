-- One row is one customer with an id.
-- Reads obligation; key id.
SELECT DISTINCT 'ctm_' || customer_id AS id, name, email, 'en' AS locale
FROM obligation
WHERE customer_id IS NOT NULL
ORDER BY 1
