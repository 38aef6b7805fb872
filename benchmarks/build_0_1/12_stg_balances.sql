-- One row per (order that was unpaid at the end of its first day, time from which a balance holds): what is outstanding.
-- Reads stg_orders, stg_events, raw_transactions, payment_source. Key (order_id, from_at); [from_at, until_at) do not overlap.
-- Units: outstanding_minor in hundredths, net of payments and credits less refunds and chargebacks; open = more than 5 % left.
-- Rows of an order come from its own raw rows alone.

CREATE TABLE stg_balances AS
WITH payments AS (
    SELECT
        e.order_id, e.known_at,
        CASE WHEN e.event_type IN ('payment', 'credit') THEN 1 ELSE -1 END
            * COALESCE(CAST(ROUND(e.amount * 100) AS BIGINT), o.amount_minor) AS paid_minor
    FROM stg_events AS e
    JOIN stg_orders AS o ON o.order_id = e.order_id
    WHERE e.event_type IN ('payment', 'credit', 'refund', 'chargeback')
      AND EXISTS (SELECT 1 FROM payment_source AS s WHERE s.source = 'events')
    UNION ALL
    SELECT t.order_id, CAST(t.payment_date AS TIMESTAMP) + INTERVAL '1' DAY, o.amount_minor
    FROM raw_transactions AS t
    JOIN stg_orders AS o ON o.order_id = t.order_id
    WHERE t.payment_date IS NOT NULL
      AND NOT EXISTS (SELECT 1 FROM payment_source AS s WHERE s.source = 'events')
),
-- money known before the order itself belongs to its opening balance
facts AS (
    SELECT p.order_id, GREATEST(p.known_at, o.known_at) AS from_at, p.paid_minor
    FROM payments AS p
    JOIN stg_orders AS o ON o.order_id = p.order_id
    UNION ALL
    SELECT order_id, known_at, 0
    FROM stg_orders
),
moments AS (
    SELECT order_id, from_at, CAST(SUM(paid_minor) AS BIGINT) AS paid_minor
    FROM facts
    GROUP BY order_id, from_at
),
running AS (
    SELECT
        order_id, from_at, paid_minor,
        LEAD(from_at) OVER (PARTITION BY order_id ORDER BY from_at) AS until_at,
        CAST(SUM(paid_minor) OVER so_far AS BIGINT) AS paid_so_far_minor,
        FIRST_VALUE(paid_minor) OVER so_far AS paid_at_opening_minor
    FROM moments
    WINDOW so_far AS (PARTITION BY order_id ORDER BY from_at ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW)
)
SELECT
    r.order_id, r.from_at, r.until_at, r.paid_minor,
    CASE WHEN r.from_at = o.known_at THEN 1 ELSE 0 END AS is_opening,
    GREATEST(o.amount_minor - r.paid_so_far_minor, 0) AS outstanding_minor,
    CASE WHEN (o.amount_minor - r.paid_so_far_minor) * 20 > o.amount_minor THEN 1 ELSE 0 END AS is_open,
    -- what held just before, 0 at the opening
    CASE WHEN r.from_at = o.known_at THEN 0 ELSE GREATEST(o.amount_minor - r.paid_so_far_minor + r.paid_minor, 0) END AS was_outstanding_minor,
    CASE WHEN r.from_at = o.known_at THEN 0
         WHEN (o.amount_minor - r.paid_so_far_minor + r.paid_minor) * 20 > o.amount_minor THEN 1 ELSE 0 END AS was_open
FROM running AS r
JOIN stg_orders AS o ON o.order_id = r.order_id
WHERE o.amount_minor > 0
  AND o.succeeded_at_creation = 0
  AND (o.amount_minor - r.paid_at_opening_minor) * 20 > o.amount_minor;
