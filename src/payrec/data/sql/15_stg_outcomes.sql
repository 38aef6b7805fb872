-- One row per order that was unpaid at the end of its first day: what became of it, each fact with the time it was known.
-- Reads stg_orders, stg_balances, stg_events, horizon. Key order_no.
-- Units: times in UTC. recovered_in_time is a fact of decided_at (= clock_at + horizon), never to be used before it; both are NULL-free
-- but for orders ended by then without money (void, credit, settled at an unknown time): their decided_at is NULL.
-- Rows of an order come from its own raw rows alone.

CREATE TABLE stg_outcomes AS
WITH closings AS (
    SELECT order_no, MIN(from_at) AS recovered_at
    FROM stg_balances
    WHERE is_closing = 1 AND closed_by = 'payment'
    GROUP BY order_no
),
deadlines AS (
    SELECT o.order_no, o.clock_at + h.days * INTERVAL '1' DAY AS deadline
    FROM stg_orders AS o
    CROSS JOIN horizon AS h
),
-- the newest reason by the end of the first day, as position * 2147483648 (2 to the 31st) + reason_no
reasons AS (
    SELECT e.order_no, MAX(e.position * 2147483648 + e.reason_no) AS reason
    FROM stg_events AS e
    JOIN stg_orders AS o ON o.order_no = e.order_no AND e.known_at <= o.known_at
    WHERE e.reason_no IS NOT NULL
    GROUP BY e.order_no
)
SELECT
    o.order_no, o.customer_no, o.account_no,
    COALESCE(CAST(r.reason & 2147483647 AS INTEGER), o.reason_no_at_creation) AS reason_no_at_opening,
    o.known_at,
    CASE WHEN b.closed_by IN ('void', 'credit', 'stated') THEN NULL ELSE d.deadline END AS decided_at,
    c.recovered_at,
    CASE WHEN b.closed_by = 'payment' OR (b.closed_by = 'write_off' AND b.is_settled = 1) THEN 1 ELSE 0 END AS recovered_in_time
FROM stg_orders AS o
JOIN deadlines AS d ON d.order_no = o.order_no
JOIN stg_balances AS f ON f.order_no = o.order_no AND f.is_opening = 1 AND f.is_open = 1
JOIN stg_balances AS b ON b.order_no = o.order_no AND b.from_at <= d.deadline AND (b.until_at IS NULL OR b.until_at > d.deadline)
LEFT JOIN closings AS c ON c.order_no = o.order_no
LEFT JOIN reasons AS r ON r.order_no = o.order_no;
