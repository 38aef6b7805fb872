SELECT DISTINCT COALESCE(customer_id, email) AS customer_id, COALESCE(name, email) AS name, email
FROM obligation
