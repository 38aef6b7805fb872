-- One row per run of whole months without a fact of a kind, between months that have some: those facts were never loaded.
-- Reads stg_events, stg_orders, raw_transactions, payment_source, freshness. Key (kind, from_at).
-- Units: from_at and until_at are the starts of the first missing month and of the next month with facts, in UTC.
-- A kind whose limit is 28 days or longer may well be silent for a month, and misses none.
-- Facts count in the month in which they happened, not in that in which they were recorded.

CREATE TABLE missing_months AS
WITH facts AS (
    SELECT 'orders' AS kind, known_at - INTERVAL '1' DAY AS happened_at FROM stg_orders
    UNION ALL
    SELECT 'payments', CAST(payment_date AS TIMESTAMP)
    FROM raw_transactions
    WHERE payment_date IS NOT NULL AND NOT EXISTS (SELECT 1 FROM payment_source AS s WHERE s.source = 'events')
    UNION ALL
    SELECT
        CASE event_type WHEN 'payment' THEN 'payments' WHEN 'attempt' THEN 'attempts' WHEN 'contact' THEN 'contacts' ELSE 'disputes' END,
        event_ts
    FROM stg_events
    WHERE event_type IN ('payment', 'attempt', 'contact', 'dispute_opened', 'dispute_closed')
),
months AS (
    SELECT kind, DATE_TRUNC('month', happened_at) AS month
    FROM facts
    GROUP BY kind, DATE_TRUNC('month', happened_at)
),
followed AS (
    SELECT kind, month + INTERVAL '1' MONTH AS from_at, LEAD(month) OVER (PARTITION BY kind ORDER BY month NULLS LAST) AS until_at
    FROM months
)
SELECT f.kind, f.from_at, f.until_at
FROM followed AS f
JOIN freshness AS r ON r.kind = f.kind AND r.limit_days < 28
WHERE f.until_at > f.from_at;
