SELECT DISTINCT COALESCE(customer_id, email) AS customer_id, COALESCE(customer_id, email) AS name, email
FROM obligation
