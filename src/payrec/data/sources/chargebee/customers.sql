-- One row is one customer, as its newest invoice names it.
-- Reads invoices; key customer_id.
SELECT
    customer AS customer_id, ARG_MAX(COALESCE(company, FULL_NAME(first_name, last_name)), (file_number, line)) AS name,
    ARG_MAX(LOWER(email), (file_number, line)) AS email
FROM invoices
GROUP BY customer
HAVING name IS NOT NULL OR email IS NOT NULL
ORDER BY customer
