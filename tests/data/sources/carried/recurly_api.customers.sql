SELECT DISTINCT COALESCE(customer_id, email) AS customer_id, name AS name, email
FROM obligation
