SELECT DISTINCT COALESCE(customer_id, 'email-' || SHA256(email)) AS customer_id, name, email
FROM simple
