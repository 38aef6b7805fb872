-- One row is one customer, as its newest payment names it.
-- Reads payments; key customer_id.
SELECT
    customer AS customer_id, ARG_MAX(COALESCE(company, FULL_NAME(given_name, family_name)), (created, id)) AS name,
    ARG_MAX(LOWER(email), (created, id)) AS email
FROM payments
GROUP BY customer
HAVING name IS NOT NULL OR email IS NOT NULL
ORDER BY customer
