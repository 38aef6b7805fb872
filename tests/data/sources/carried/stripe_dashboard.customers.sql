SELECT
    COALESCE(customer_id, 'email-' || SHA256(email)) AS customer_id, email,
    CASE WHEN BOOL_OR(NOT is_direct) THEN name ELSE UPPER(name) END AS name
FROM obligation
GROUP BY customer_id, email, name
