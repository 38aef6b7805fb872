-- One row per order that was unpaid at the end of its first day: what became of it, each fact with the time it was known.
-- Reads stg_orders, stg_balances, stg_events, horizon. Key order_id.
-- Units: times in UTC. recovered_in_time is a fact of decided_at (= clock_at + horizon), never to be used before it; both are NULL-free
-- but for orders ended by then without money (void, credit, settled at an unknown time): their decided_at is NULL.
-- Rows of an order come from its own raw rows alone.

CREATE TABLE stg_outcomes AS
WITH closings AS (
    SELECT order_id, MIN(from_at) AS recovered_at
    FROM stg_balances
    WHERE is_closing = 1 AND closed_by = 'payment'
    GROUP BY order_id
),
deadlines AS (
    SELECT o.order_id, o.clock_at + h.days * INTERVAL '1' DAY AS deadline
    FROM stg_orders AS o
    CROSS JOIN horizon AS h
)
SELECT
    o.order_id, o.customer_id, o.provider, o.country,
    COALESCE(e.last_reason_code, o.reason_at_creation) AS reason_at_opening,
    o.known_at,
    CASE WHEN b.closed_by IN ('void', 'credit', 'stated') THEN NULL ELSE d.deadline END AS decided_at,
    c.recovered_at,
    CASE WHEN b.closed_by = 'payment' OR (b.closed_by = 'write_off' AND b.is_settled = 1) THEN 1 ELSE 0 END AS recovered_in_time
FROM stg_orders AS o
JOIN deadlines AS d ON d.order_id = o.order_id
JOIN stg_balances AS f ON f.order_id = o.order_id AND f.is_opening = 1 AND f.is_open = 1
JOIN stg_balances AS b ON b.order_id = o.order_id AND b.from_at <= d.deadline AND (b.until_at IS NULL OR b.until_at > d.deadline)
LEFT JOIN closings AS c ON c.order_id = o.order_id
LEFT JOIN stg_events AS e ON e.order_id = o.order_id AND e.known_at <= o.known_at AND (e.until_at IS NULL OR e.until_at > o.known_at);
