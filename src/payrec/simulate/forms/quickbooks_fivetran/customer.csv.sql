-- One row is one customer.
-- Reads obligation; key id.
SELECT DISTINCT COALESCE(customer_id, email) AS id, COALESCE(name, email) AS display_name, email
FROM obligation
ORDER BY 1
