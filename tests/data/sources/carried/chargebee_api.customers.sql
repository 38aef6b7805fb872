SELECT DISTINCT COALESCE(customer_id, email) AS customer_id, name, email, 'de' AS language
FROM obligation
