-- One row per (kind of fact, day on which facts became known, month in which they happened): how many, and the newest.
-- Reads stg_orders, stg_events, raw_transactions, payment_source. Key (kind, day, month).
-- Units: kind is orders, payments, attempts, contacts or disputes; day and month are their starts in UTC; newest_at a time in UTC.
-- A fact of a whole day is known at its end, so on the next day; a payment of 31 May is known on 1 June and happened in May.
-- Example: attempts on 30 May at 08:00 and 17:00, and one of that day recorded on 2 June at 09:00: two rows of month 1 May, with
-- day 30 May, facts 2, newest_at 30 May 17:00, and with day 2 June, facts 1, newest_at 2 June 09:00.

CREATE TABLE fact_days AS
-- each table is grouped by itself before the kinds are named
WITH events AS (
    SELECT kind, DATE_TRUNC('day', known_at) AS day, DATE_TRUNC('month', event_ts) AS month, COUNT(*) AS facts, MAX(known_at) AS newest_at
    FROM stg_events
    WHERE kind IN (1, 2, 5, 6, 7)
    GROUP BY kind, DATE_TRUNC('day', known_at), DATE_TRUNC('month', event_ts)
),
orders AS (
    SELECT known_at AS day, COUNT(*) AS facts
    FROM stg_orders
    GROUP BY known_at
),
payments AS (
    SELECT payment_date, COUNT(*) AS facts
    FROM raw_transactions
    WHERE payment_date IS NOT NULL AND NOT EXISTS (SELECT 1 FROM payment_source AS s WHERE s.source = 'events')
    GROUP BY payment_date
),
facts AS (
    SELECT 'orders' AS kind, day, DATE_TRUNC('month', day - INTERVAL '1' DAY) AS month, facts, day AS newest_at
    FROM orders
    UNION ALL
    SELECT
        'payments', CAST(payment_date AS TIMESTAMP) + INTERVAL '1' DAY, DATE_TRUNC('month', CAST(payment_date AS TIMESTAMP)),
        facts, CAST(payment_date AS TIMESTAMP) + INTERVAL '1' DAY
    FROM payments
    UNION ALL
    SELECT CASE kind WHEN 1 THEN 'attempts' WHEN 2 THEN 'payments' WHEN 7 THEN 'contacts' ELSE 'disputes' END, day, month, facts, newest_at
    FROM events
)
SELECT kind, day, month, CAST(SUM(facts) AS BIGINT) AS facts, MAX(newest_at) AS newest_at
FROM facts
GROUP BY kind, day, month;
