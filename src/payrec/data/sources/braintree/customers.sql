-- One row is one customer, as its newest sale names it.
-- Reads latest_sales; key customer_id.
SELECT
    customer_id, ARG_MAX(name, (created, id)) AS name, ARG_MAX(email, (created, id)) AS email,
    ARG_MAX(phone, (created, id)) AS phone
FROM latest_sales
WHERE type = 'sale'
GROUP BY customer_id
HAVING name IS NOT NULL OR email IS NOT NULL OR phone IS NOT NULL
ORDER BY customer_id
