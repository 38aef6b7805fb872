-- One row per order that was unpaid at the end of its first day: what became of it, each fact with the time it was known.
-- Reads stg_orders, stg_balances, stg_events, horizon. Key order_id.
-- Units: times in UTC. recovered_in_time is a fact of decided_at (= known_at + horizon), never to be used before it.
-- Rows of an order come from its own raw rows alone.

CREATE TABLE stg_outcomes AS
WITH closings AS (
    SELECT order_id, MIN(from_at) AS recovered_at
    FROM stg_balances
    WHERE is_open = 0
    GROUP BY order_id
),
deadlines AS (
    SELECT o.order_id, o.known_at + h.days * INTERVAL '1' DAY AS decided_at
    FROM stg_orders AS o
    CROSS JOIN horizon AS h
)
SELECT
    o.order_id, o.customer_id, o.provider, o.country,
    COALESCE(e.last_reason_code, o.reason_at_creation) AS reason_at_opening,
    o.known_at, d.decided_at, c.recovered_at,
    1 - b.is_open AS recovered_in_time
FROM stg_orders AS o
JOIN deadlines AS d ON d.order_id = o.order_id
JOIN stg_balances AS b ON b.order_id = o.order_id AND b.from_at <= d.decided_at AND (b.until_at IS NULL OR b.until_at > d.decided_at)
LEFT JOIN closings AS c ON c.order_id = o.order_id
LEFT JOIN stg_events AS e ON e.order_id = o.order_id AND e.known_at <= o.known_at AND (e.until_at IS NULL OR e.until_at > o.known_at);
