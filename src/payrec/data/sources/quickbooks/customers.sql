-- One row is one customer: its full name, which is its id.
-- Reads aging; key customer_id.
SELECT DISTINCT customer AS customer_id, customer AS name
FROM aging
ORDER BY customer
