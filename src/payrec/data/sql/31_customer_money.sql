-- One row per snapshot: what its customer's other open orders owed by then, in the currency of this order.
-- Reads snapshots, stg_orders, stg_balances. Key (order_id, as_of).
-- Units: cust_open_minor in hundredths; other currencies are not added up.
-- Never NULL: fact_at, kind.

CREATE TABLE customer_money AS
WITH changes AS (
    SELECT
        order_id, from_at,
        is_open * outstanding_minor
            - COALESCE(LAG(is_open * outstanding_minor) OVER (PARTITION BY order_id ORDER BY from_at), 0) AS d_open_minor
    FROM stg_balances
),
stream AS (
    SELECT
        o.customer_id, o.currency, c.from_at AS fact_at, 0 AS kind, CAST(NULL AS VARCHAR(200)) AS order_id,
        c.d_open_minor, CAST(0 AS BIGINT) AS own_minor
    FROM changes AS c
    JOIN stg_orders AS o ON o.order_id = c.order_id
    UNION ALL
    SELECT customer_id, currency, as_of, 1, order_id, 0, outstanding_minor
    FROM snapshots
),
known AS (
    SELECT order_id, fact_at AS as_of, kind, own_minor, SUM(d_open_minor) OVER past AS open_minor
    FROM stream
    WINDOW past AS (PARTITION BY customer_id, currency ORDER BY fact_at, kind ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW)
)
SELECT order_id, as_of, CAST(open_minor - own_minor AS BIGINT) AS cust_open_minor
FROM known
WHERE kind = 1;
