-- One row per snapshot: what its customer's other orders had shown by then.
-- Reads snapshots, stg_orders, stg_balances, stg_outcomes, stg_events. Key (order_id, as_of).
-- Units: counts of orders; days are whole days.
-- Never NULL: fact_at, kind.

CREATE TABLE customer_history AS
WITH changes AS (
    SELECT
        order_id, from_at, paid_minor, is_opening,
        is_open - LAG(is_open) OVER (PARTITION BY order_id ORDER BY from_at) AS d_open
    FROM stg_balances
),
-- facts (kind 0) and questions (kind 1) in the order of time; what left the last 90 days (kind 2) leaves after the question.
-- own_…: the order's own share of each sum, taken off again, so that only the customer's other orders are left
stream AS (
    SELECT
        o.customer_id, o.known_at AS fact_at, 0 AS kind, CAST(NULL AS VARCHAR(200)) AS order_id,
        1 AS d_orders,
        CASE WHEN b.order_id IS NULL THEN 0 ELSE 1 END AS d_failures,
        CASE WHEN b.order_id IS NULL THEN 0 ELSE 1 END AS d_open,
        0 AS d_recovered, 0 AS d_days_to_pay, 0 AS d_decided, 0 AS d_in_time, 0 AS d_opt_out,
        1 AS d_orders_90d,
        CASE WHEN b.order_id IS NULL THEN 0 ELSE 1 END AS d_failures_90d,
        CASE WHEN b.order_id IS NULL AND o.amount_minor > 0 THEN o.known_at END AS paid_at,
        CAST(NULL AS TIMESTAMP) AS own_known_at, CAST(NULL AS TIMESTAMP) AS own_recovered_at,
        CAST(NULL AS TIMESTAMP) AS own_decided_at, 0 AS own_in_time
    FROM stg_orders AS o
    LEFT JOIN changes AS b ON b.order_id = o.order_id AND b.is_opening = 1
    UNION ALL
    SELECT
        o.customer_id, o.known_at + INTERVAL '90' DAY, 2, NULL,
        0, 0, 0, 0, 0, 0, 0, 0, -1, CASE WHEN b.order_id IS NULL THEN 0 ELSE -1 END, NULL, NULL, NULL, NULL, 0
    FROM stg_orders AS o
    LEFT JOIN stg_outcomes AS b ON b.order_id = o.order_id
    UNION ALL
    SELECT
        o.customer_id, c.from_at, 0, NULL,
        0, 0, c.d_open,
        CASE WHEN c.from_at = r.recovered_at THEN 1 ELSE 0 END,
        CASE WHEN c.from_at = r.recovered_at THEN CAST(EXTRACT(DAY FROM (r.recovered_at - r.known_at)) AS INTEGER) ELSE 0 END,
        0, 0, 0, 0, 0,
        CASE WHEN c.paid_minor > 0 THEN c.from_at END, NULL, NULL, NULL, 0
    FROM changes AS c
    JOIN stg_orders AS o ON o.order_id = c.order_id
    JOIN stg_outcomes AS r ON r.order_id = c.order_id
    WHERE c.is_opening = 0
    UNION ALL
    SELECT
        customer_id, decided_at, 0, NULL,
        0, 0, 0, 0, 0, 1, recovered_in_time, 0, 0, 0, NULL, NULL, NULL, NULL, 0
    FROM stg_outcomes
    UNION ALL
    SELECT
        o.customer_id, e.known_at, 0, NULL,
        0, 0, 0, 0, 0, 0, 0, 1, 0, 0, NULL, NULL, NULL, NULL, 0
    FROM stg_events AS e
    JOIN stg_orders AS o ON o.order_id = e.order_id
    WHERE e.event_type = 'opt_out'
    UNION ALL
    SELECT
        s.customer_id, s.as_of, 1, s.order_id,
        0, 0, 0, 0, 0, 0, 0, 0, 0, 0, NULL, o.known_at, o.recovered_at, o.decided_at, o.recovered_in_time
    FROM snapshots AS s
    JOIN stg_outcomes AS o ON o.order_id = s.order_id
),
known AS (
    SELECT
        order_id, fact_at AS as_of, kind, own_known_at, own_recovered_at, own_decided_at, own_in_time,
        SUM(d_orders) OVER past AS orders,
        SUM(d_failures) OVER past AS failures,
        SUM(d_open) OVER past AS still_open,
        SUM(d_recovered) OVER past AS recovered,
        SUM(d_days_to_pay) OVER past AS days_to_pay,
        SUM(d_decided) OVER past AS decided,
        SUM(d_in_time) OVER past AS in_time,
        SUM(d_opt_out) OVER past AS opt_outs,
        SUM(d_orders_90d) OVER past AS orders_90d,
        SUM(d_failures_90d) OVER past AS failures_90d,
        MAX(paid_at) OVER past AS last_paid_at
    FROM stream
    WINDOW past AS (PARTITION BY customer_id ORDER BY fact_at, kind ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW)
)
SELECT
    order_id, as_of,
    CAST(orders - 1 AS BIGINT) AS cust_orders,
    CAST(failures - 1 AS BIGINT) AS cust_failures,
    CAST(still_open - 1 AS BIGINT) AS cust_open,
    CAST(recovered - CASE WHEN own_recovered_at <= as_of THEN 1 ELSE 0 END AS BIGINT) AS cust_recovered,
    CAST(decided - CASE WHEN own_decided_at <= as_of THEN 1 ELSE 0 END AS BIGINT) AS cust_decided,
    CAST(in_time - CASE WHEN own_decided_at <= as_of THEN own_in_time ELSE 0 END AS BIGINT) AS cust_recovered_in_time,
    CAST(days_to_pay - CASE WHEN own_recovered_at <= as_of
        THEN EXTRACT(DAY FROM (own_recovered_at - own_known_at)) ELSE 0 END AS BIGINT) AS cust_days_to_pay_sum,
    CAST(EXTRACT(DAY FROM (as_of - last_paid_at)) AS INTEGER) AS cust_days_since_payment,
    CAST(orders_90d - CASE WHEN own_known_at >= as_of - INTERVAL '90' DAY THEN 1 ELSE 0 END AS BIGINT) AS cust_orders_90d,
    CAST(failures_90d - CASE WHEN own_known_at >= as_of - INTERVAL '90' DAY THEN 1 ELSE 0 END AS BIGINT) AS cust_failures_90d,
    CAST(CASE WHEN opt_outs > 0 THEN 1 ELSE 0 END AS SMALLINT) AS is_opted_out
FROM known
WHERE kind = 1;
