-- One row: the end of the observed data, after which nothing is known and no label exists.
-- Reads observed_until, raw_transactions, raw_events, payment_source. Key: the single row.
-- Units: until in UTC; declared, or the latest known fact; what an export says of its day is one. What people did (event_id
-- action:…) says nothing of what was paid, so that it does not count.

CREATE TABLE stg_observed AS
WITH facts AS (
    SELECT CAST(MAX(invoice_date) AS TIMESTAMP) + INTERVAL '1' DAY AS known_at FROM raw_transactions
    UNION ALL
    SELECT MAX(CASE
        WHEN recorded_ts IS NOT NULL THEN recorded_ts
        WHEN event_ts = DATE_TRUNC('day', event_ts) THEN event_ts + INTERVAL '1' DAY
        ELSE event_ts END)
    FROM raw_events
    WHERE event_id NOT LIKE 'action:%'
    UNION ALL
    SELECT MAX(stated_at)
    FROM raw_transactions
    WHERE status IS NOT NULL OR outstanding IS NOT NULL OR result_status IS NOT NULL OR chargeback_flag IS NOT NULL
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
