-- One row per snapshot: what its customer's other orders had shown by then.
-- Reads snapshots, stg_orders, stg_balances, stg_outcomes, stg_events. Key (order_id, as_of).
-- Units: counts of orders; days are whole days.
-- Never NULL: fact_at, turn.

CREATE TABLE customer_history AS
WITH changes AS (
    SELECT
        order_id, from_at, paid_minor, is_opening, is_open,
        LAG(is_open) OVER (PARTITION BY order_id ORDER BY from_at) AS was_open
    FROM stg_balances
),
-- facts (turn 0) and questions (turn 1) in the order of time; what is 90 days old leaves (turn 2) after the questions.
-- own_…: the order's own share of each count, taken off again, so that only the customer's other orders are left
stream AS (
    SELECT
        o.customer_id, o.known_at AS fact_at, 0 AS turn, CASE WHEN r.order_id IS NULL THEN 'success' ELSE 'failure' END AS fact,
        0 AS days_to_pay,
        CASE WHEN r.order_id IS NULL AND o.amount_minor > 0 THEN o.known_at END AS paid_at,
        CAST(NULL AS VARCHAR(200)) AS order_id, CAST(0 AS SMALLINT) AS own_recent, CAST(0 AS SMALLINT) AS own_recovered,
        CAST(0 AS SMALLINT) AS own_decided, CAST(0 AS SMALLINT) AS own_in_time, 0 AS own_days_to_pay
    FROM stg_orders AS o
    LEFT JOIN stg_outcomes AS r ON r.order_id = o.order_id
    UNION ALL
    SELECT
        o.customer_id, o.known_at + INTERVAL '90' DAY, 2, CASE WHEN r.order_id IS NULL THEN 'old success' ELSE 'old failure' END,
        0, NULL, NULL, 0, 0, 0, 0, 0
    FROM stg_orders AS o
    LEFT JOIN stg_outcomes AS r ON r.order_id = o.order_id
    UNION ALL
    SELECT
        r.customer_id, c.from_at, 0,
        CASE WHEN c.is_open = c.was_open THEN 'part' WHEN c.is_open = 1 THEN 'reopened'
             WHEN c.from_at = r.recovered_at THEN 'recovered' ELSE 'closed' END,
        CASE WHEN c.from_at = r.recovered_at THEN CAST(EXTRACT(DAY FROM (r.recovered_at - r.known_at)) AS INTEGER) ELSE 0 END,
        CASE WHEN c.paid_minor > 0 THEN c.from_at END, NULL, 0, 0, 0, 0, 0
    FROM changes AS c
    JOIN stg_outcomes AS r ON r.order_id = c.order_id
    WHERE c.is_opening = 0
    UNION ALL
    SELECT customer_id, decided_at, 0, CASE WHEN recovered_in_time = 1 THEN 'in time' ELSE 'late' END, 0, NULL, NULL, 0, 0, 0, 0, 0
    FROM stg_outcomes
    UNION ALL
    SELECT o.customer_id, e.known_at, 0, 'opt-out', 0, NULL, NULL, 0, 0, 0, 0, 0
    FROM stg_events AS e
    JOIN stg_orders AS o ON o.order_id = e.order_id
    WHERE e.event_type = 'opt_out'
    UNION ALL
    SELECT
        s.customer_id, s.as_of, 1, 'question', 0, NULL, s.order_id,
        CASE WHEN s.known_at >= s.as_of - INTERVAL '90' DAY THEN 1 ELSE 0 END,
        CASE WHEN r.recovered_at <= s.as_of THEN 1 ELSE 0 END,
        CASE WHEN r.decided_at <= s.as_of THEN 1 ELSE 0 END,
        CASE WHEN r.decided_at <= s.as_of THEN r.recovered_in_time ELSE 0 END,
        CASE WHEN r.recovered_at <= s.as_of THEN CAST(EXTRACT(DAY FROM (r.recovered_at - r.known_at)) AS INTEGER) ELSE 0 END
    FROM snapshots AS s
    JOIN stg_outcomes AS r ON r.order_id = s.order_id
),
known AS (
    SELECT
        order_id, fact_at AS as_of, turn, own_recent, own_recovered, own_decided, own_in_time, own_days_to_pay,
        COUNT(*) FILTER (WHERE fact = 'success') OVER past AS successes,
        COUNT(*) FILTER (WHERE fact = 'failure') OVER past AS failures,
        COUNT(*) FILTER (WHERE fact = 'old success') OVER past AS old_successes,
        COUNT(*) FILTER (WHERE fact = 'old failure') OVER past AS old_failures,
        COUNT(*) FILTER (WHERE fact = 'recovered') OVER past AS recovered,
        COUNT(*) FILTER (WHERE fact = 'closed') OVER past AS closed_again,
        COUNT(*) FILTER (WHERE fact = 'reopened') OVER past AS reopened,
        COUNT(*) FILTER (WHERE fact = 'in time') OVER past AS in_time,
        COUNT(*) FILTER (WHERE fact = 'late') OVER past AS late,
        COUNT(*) FILTER (WHERE fact = 'opt-out') OVER past AS opt_outs,
        SUM(days_to_pay) OVER past AS days_to_pay,
        MAX(paid_at) OVER past AS last_paid_at
    FROM stream
    WINDOW past AS (PARTITION BY customer_id ORDER BY fact_at, turn ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW)
)
SELECT
    order_id, as_of,
    successes + failures - 1 AS cust_orders,
    failures - 1 AS cust_failures,
    failures - recovered - closed_again + reopened - 1 AS cust_open,
    recovered - own_recovered AS cust_recovered,
    in_time + late - own_decided AS cust_decided,
    in_time - own_in_time AS cust_recovered_in_time,
    CAST(days_to_pay - own_days_to_pay AS BIGINT) AS cust_days_to_pay_sum,
    CAST(EXTRACT(DAY FROM (as_of - last_paid_at)) AS INTEGER) AS cust_days_since_payment,
    successes + failures - old_successes - old_failures - own_recent AS cust_orders_90d,
    failures - old_failures - own_recent AS cust_failures_90d,
    CAST(CASE WHEN opt_outs > 0 THEN 1 ELSE 0 END AS SMALLINT) AS is_opted_out
FROM known
WHERE turn = 1;
