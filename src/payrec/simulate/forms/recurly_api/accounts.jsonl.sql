-- One row is one customer as an account.
-- Reads obligation; key id.
SELECT DISTINCT 'a' || COALESCE(customer_id, email) AS id, 'account' AS object, COALESCE(customer_id, email) AS code,
    name AS company, email
FROM obligation
ORDER BY 1
