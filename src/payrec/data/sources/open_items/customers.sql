-- One row is one customer, as its newest item names it.
-- Reads items; key customer_id.
SELECT
    customer AS customer_id, ARG_MAX(customer_name, (file_number, line)) AS name,
    ARG_MAX(LOWER(email), (file_number, line)) AS email, ARG_MAX(phone, (file_number, line)) AS phone
FROM items
GROUP BY customer
HAVING name IS NOT NULL OR email IS NOT NULL OR phone IS NOT NULL
ORDER BY customer
