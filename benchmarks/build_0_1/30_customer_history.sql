-- One row per snapshot: what its customer's other orders had shown by then.
-- Reads snapshots, stg_orders, stg_balances, stg_outcomes, stg_events. Key (order_id, as_of).
-- Units: counts of orders; days are whole days. cust_days_to_pay_last, _last3_sum, _min and _max are NULL while no recovery is known,
-- and for an order whose own recovery was undone: its own pace is not its customer's.
-- Never NULL: fact_at, turn, recovered_at, nth.

CREATE TABLE customer_history AS
WITH span AS (
    SELECT MIN(as_of) AS first_asked, MAX(as_of) AS last_asked FROM snapshots
),
-- the customer's recoveries numbered in the order of time: a question that knows of n of them takes the n-th row
recoveries AS (
    SELECT
        customer_id, CAST(EXTRACT(DAY FROM (recovered_at - known_at)) AS INTEGER) AS days_to_pay,
        ROW_NUMBER() OVER (PARTITION BY customer_id ORDER BY recovered_at, order_id) AS nth
    FROM stg_outcomes
    WHERE recovered_at IS NOT NULL
),
paces AS (
    SELECT
        customer_id, nth, days_to_pay,
        SUM(days_to_pay) OVER so_far AS days_to_pay_sum,
        SUM(days_to_pay) OVER (PARTITION BY customer_id ORDER BY nth ROWS BETWEEN 2 PRECEDING AND CURRENT ROW) AS last3_sum,
        MIN(days_to_pay) OVER so_far AS quickest,
        MAX(days_to_pay) OVER so_far AS slowest
    FROM recoveries
    WINDOW so_far AS (PARTITION BY customer_id ORDER BY nth ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW)
),
opt_outs AS (
    SELECT o.customer_id, MIN(e.known_at) AS opted_out_at
    FROM stg_events AS e
    JOIN stg_orders AS o ON o.order_id = e.order_id
    WHERE e.event_type = 'opt_out'
    GROUP BY o.customer_id
),
-- What was known before the first question is counted once; what follows, fact by fact in the order of time.
-- Two counts travel as one number, low + high * 1073741824 (2 to the 30th): a window costs by its sums, not by its rows.
--   orders: all orders, failures | opens: recovered, open | decisions: decided, in time | recents: orders and failures of 90 days
made_before AS (
    SELECT
        o.customer_id,
        COUNT(*) + COUNT(r.order_id) * 1073741824 AS orders,
        COUNT(CASE WHEN r.recovered_at < x.first_asked THEN 1 END) AS recovered,
        COUNT(CASE WHEN r.decided_at < x.first_asked THEN 1 END)
            + COUNT(CASE WHEN r.decided_at < x.first_asked AND r.recovered_in_time = 1 THEN 1 END) * 1073741824 AS decisions,
        COUNT(CASE WHEN o.known_at + INTERVAL '90' DAY >= x.first_asked THEN 1 END)
            + COUNT(CASE WHEN o.known_at + INTERVAL '90' DAY >= x.first_asked THEN r.order_id END) * 1073741824 AS recents,
        MAX(CASE WHEN r.order_id IS NULL AND o.amount_minor > 0 THEN o.known_at END) AS paid_at
    FROM stg_orders AS o
    CROSS JOIN span AS x
    LEFT JOIN stg_outcomes AS r ON r.order_id = o.order_id
    WHERE o.known_at < x.first_asked
    GROUP BY o.customer_id
),
moved_before AS (
    SELECT
        r.customer_id,
        COUNT(CASE WHEN b.is_open = 1 AND (b.until_at IS NULL OR b.until_at >= x.first_asked) THEN 1 END) AS still_open,
        MAX(CASE WHEN b.paid_minor > 0 AND b.is_opening = 0 THEN b.from_at END) AS paid_at
    FROM stg_balances AS b
    CROSS JOIN span AS x
    JOIN stg_outcomes AS r ON r.order_id = b.order_id
    WHERE b.from_at < x.first_asked
    GROUP BY r.customer_id
),
-- Facts (turn 0) and questions (turn 1) in the order of time; what is 90 days old leaves (turn 2) after the questions.
-- own_…: the order's own share of each count, taken off again, so that only the customer's other orders are left
stream AS (
    SELECT
        o.customer_id, o.known_at AS fact_at, 0 AS turn,
        CASE WHEN r.order_id IS NULL THEN 1 ELSE 1 + 1073741824 END AS orders,
        CASE WHEN r.order_id IS NULL THEN 0 ELSE 1073741824 END AS opens,
        0 AS decisions,
        CASE WHEN r.order_id IS NULL THEN 1 ELSE 1 + 1073741824 END AS recents,
        CASE WHEN r.order_id IS NULL AND o.amount_minor > 0 THEN o.known_at END AS paid_at,
        CAST(NULL AS VARCHAR(200)) AS order_id, CAST(0 AS SMALLINT) AS own_recent, CAST(0 AS SMALLINT) AS own_recovered,
        CAST(0 AS SMALLINT) AS own_decided, CAST(0 AS SMALLINT) AS own_in_time, 0 AS own_days_to_pay
    FROM stg_orders AS o
    CROSS JOIN span AS x
    LEFT JOIN stg_outcomes AS r ON r.order_id = o.order_id
    WHERE o.known_at >= x.first_asked AND o.known_at <= x.last_asked
    UNION ALL
    SELECT
        o.customer_id, o.known_at + INTERVAL '90' DAY, 2, 0, 0, 0,
        CASE WHEN r.order_id IS NULL THEN -1 ELSE -1 - 1073741824 END, NULL, NULL, 0, 0, 0, 0, 0
    FROM stg_orders AS o
    CROSS JOIN span AS x
    LEFT JOIN stg_outcomes AS r ON r.order_id = o.order_id
    WHERE o.known_at + INTERVAL '90' DAY >= x.first_asked AND o.known_at + INTERVAL '90' DAY <= x.last_asked
    UNION ALL
    SELECT
        r.customer_id, b.from_at, 0, 0,
        CASE WHEN b.from_at = r.recovered_at THEN 1 ELSE 0 END + (b.is_open - b.was_open) * 1073741824,
        0, 0, CASE WHEN b.paid_minor > 0 THEN b.from_at END, NULL, 0, 0, 0, 0, 0
    FROM stg_balances AS b
    CROSS JOIN span AS x
    JOIN stg_outcomes AS r ON r.order_id = b.order_id
    WHERE b.is_opening = 0 AND b.from_at >= x.first_asked AND b.from_at <= x.last_asked
    UNION ALL
    SELECT r.customer_id, r.decided_at, 0, 0, 0, 1 + r.recovered_in_time * 1073741824, 0, NULL, NULL, 0, 0, 0, 0, 0
    FROM stg_outcomes AS r
    CROSS JOIN span AS x
    WHERE r.decided_at >= x.first_asked AND r.decided_at <= x.last_asked
    UNION ALL
    SELECT
        s.customer_id, s.as_of, 1, 0, 0, 0, 0, NULL, s.order_id,
        CASE WHEN s.known_at >= s.as_of - INTERVAL '90' DAY THEN 1 ELSE 0 END,
        CASE WHEN r.recovered_at <= s.as_of THEN 1 ELSE 0 END,
        CASE WHEN r.decided_at <= s.as_of THEN 1 ELSE 0 END,
        CASE WHEN r.decided_at <= s.as_of THEN r.recovered_in_time ELSE 0 END,
        CASE WHEN r.recovered_at <= s.as_of THEN CAST(EXTRACT(DAY FROM (r.recovered_at - r.known_at)) AS INTEGER) ELSE 0 END
    FROM snapshots AS s
    JOIN stg_outcomes AS r ON r.order_id = s.order_id
),
summed AS (
    SELECT
        customer_id, order_id, fact_at AS as_of, turn, own_recent, own_recovered, own_decided, own_in_time, own_days_to_pay,
        CAST(SUM(orders) OVER past AS BIGINT) AS orders,
        CAST(SUM(opens) OVER past AS BIGINT) AS opens,
        CAST(SUM(decisions) OVER past AS BIGINT) AS decisions,
        CAST(SUM(recents) OVER past AS BIGINT) AS recents,
        MAX(paid_at) OVER past AS last_paid_at
    FROM stream
    WINDOW past AS (PARTITION BY customer_id ORDER BY fact_at, turn ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW)
),
added AS (
    SELECT
        s.customer_id, s.order_id, s.as_of, s.own_recent, s.own_recovered, s.own_decided, s.own_in_time, s.own_days_to_pay,
        s.orders + COALESCE(b.orders, 0) AS orders,
        s.opens + COALESCE(b.recovered, 0) + COALESCE(m.still_open, 0) * 1073741824 AS opens,
        s.decisions + COALESCE(b.decisions, 0) AS decisions,
        s.recents + COALESCE(b.recents, 0) AS recents,
        GREATEST(s.last_paid_at, m.paid_at, b.paid_at) AS last_paid_at
    FROM summed AS s
    LEFT JOIN made_before AS b ON b.customer_id = s.customer_id
    LEFT JOIN moved_before AS m ON m.customer_id = s.customer_id
    WHERE s.turn = 1
),
known AS (
    SELECT
        customer_id, order_id, as_of, own_recent, own_recovered, own_decided, own_in_time, own_days_to_pay, last_paid_at,
        orders & 1073741823 AS orders, orders >> 30 AS failures,
        opens & 1073741823 AS recovered, opens >> 30 AS still_open,
        decisions & 1073741823 AS decided, decisions >> 30 AS in_time,
        recents & 1073741823 AS recent_orders, recents >> 30 AS recent_failures
    FROM added
)
SELECT
    k.order_id, k.as_of,
    k.orders - 1 AS cust_orders,
    k.failures - 1 AS cust_failures,
    k.still_open - 1 AS cust_open,
    k.recovered - k.own_recovered AS cust_recovered,
    k.decided - k.own_decided AS cust_decided,
    k.in_time - k.own_in_time AS cust_recovered_in_time,
    CAST(COALESCE(p.days_to_pay_sum, 0) - k.own_days_to_pay AS BIGINT) AS cust_days_to_pay_sum,
    CASE WHEN k.own_recovered = 0 THEN p.days_to_pay END AS cust_days_to_pay_last,
    CASE WHEN k.own_recovered = 0 THEN CAST(p.last3_sum AS BIGINT) END AS cust_days_to_pay_last3_sum,
    CASE WHEN k.own_recovered = 0 THEN p.quickest END AS cust_days_to_pay_min,
    CASE WHEN k.own_recovered = 0 THEN p.slowest END AS cust_days_to_pay_max,
    CAST(EXTRACT(DAY FROM (k.as_of - k.last_paid_at)) AS INTEGER) AS cust_days_since_payment,
    k.recent_orders - k.own_recent AS cust_orders_90d,
    k.recent_failures - k.own_recent AS cust_failures_90d,
    CAST(CASE WHEN u.opted_out_at <= k.as_of THEN 1 ELSE 0 END AS SMALLINT) AS is_opted_out
FROM known AS k
LEFT JOIN paces AS p ON p.customer_id = k.customer_id AND p.nth = k.recovered
LEFT JOIN opt_outs AS u ON u.customer_id = k.customer_id;
