-- One row: the end of the observed data, after which nothing is known and no label exists.
-- Reads observed_until, stg_orders, stg_events, raw_transactions, payment_source. Key: the single row.
-- Units: until in UTC; declared, or the latest known fact.

CREATE TABLE stg_observed AS
WITH facts AS (
    SELECT MAX(known_at) AS known_at FROM stg_orders
    UNION ALL
    SELECT MAX(known_at) FROM stg_events
    UNION ALL
    SELECT CAST(MAX(payment_date) AS TIMESTAMP) + INTERVAL '1' DAY
    FROM raw_transactions
    WHERE NOT EXISTS (SELECT 1 FROM payment_source AS s WHERE s.source = 'events')
),
latest AS (
    SELECT MAX(known_at) AS known_at FROM facts
),
declared AS (
    SELECT MAX(until) AS until FROM observed_until
)
SELECT COALESCE(d.until, l.known_at) AS until
FROM latest AS l
CROSS JOIN declared AS d;
