SELECT DISTINCT
    COALESCE(customer_id, 'email-' || SHA256(email)) AS customer_id, name, email, '+49 ' || customer_id[2:] AS phone,
    CASE WHEN customer_id IS NOT NULL THEN 'en-GB' END AS language
FROM obligation
