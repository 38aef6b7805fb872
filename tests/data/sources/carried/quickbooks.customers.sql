SELECT DISTINCT COALESCE(customer_id, email) AS customer_id, COALESCE(customer_id, email) AS name
FROM obligation
WHERE state = 'open' AND outstanding > 0
