-- One row is one customer.
-- Reads obligation; key id.
SELECT DISTINCT COALESCE(customer_id, email) AS id, 'customer' AS object, SPLIT_PART(name, ' ', 1) AS first_name,
    SPLIT_PART(name, ' ', 2) AS last_name, email, 'de' AS locale
FROM obligation
ORDER BY 1
