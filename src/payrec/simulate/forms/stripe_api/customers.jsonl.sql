-- One row is one customer with an id.
-- Reads obligation; key id.
SELECT DISTINCT customer_id AS id, 'customer' AS object, name, email, '+49 ' || customer_id[2:] AS phone, ['en-GB', 'de'] AS preferred_locales, TRUE AS livemode
FROM obligation
WHERE customer_id IS NOT NULL
ORDER BY customer_id
