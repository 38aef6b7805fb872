-- One row is one customer: as its own object says, else as the newest obligation that names it.
-- Reads customers and obligations; key customer_id. A customer that was deleted keeps what its obligations say.
WITH
latest AS (
    SELECT * FROM customers
    QUALIFY ROW_NUMBER() OVER (PARTITION BY id ORDER BY recorded DESC NULLS LAST, file_number DESC, line DESC) = 1
),
named AS (
    SELECT
        customer_id, MAX_BY(name, (created, order_id)) AS name, MAX_BY(email, (created, order_id)) AS email,
        MAX_BY(phone, (created, order_id)) AS phone
    FROM obligations
    GROUP BY customer_id
)
SELECT
    COALESCE(c.id, n.customer_id) AS customer_id, COALESCE(c.name, n.name) AS name,
    COALESCE(LOWER(TRIM(c.email)), n.email) AS email, COALESCE(c.phone, n.phone) AS phone,
    NULLIF(REGEXP_EXTRACT(c.locales, '[A-Za-z][A-Za-z-]+'), '') AS language
FROM latest AS c
FULL JOIN named AS n ON n.customer_id = c.id
WHERE COALESCE(c.name, n.name, c.email, n.email, c.phone, n.phone, c.locales) IS NOT NULL
ORDER BY 1
