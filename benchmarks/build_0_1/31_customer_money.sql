-- One row per snapshot: what its customer's other open orders owed by then, in the currency of this order.
-- Reads snapshots, stg_orders, stg_balances. Key (order_id, as_of).
-- Units: cust_open_minor in hundredths; other currencies are not added up.
-- Never NULL: fact_at, kind.

CREATE TABLE customer_money AS
WITH span AS (
    SELECT MIN(as_of) AS first_asked, MAX(as_of) AS last_asked FROM snapshots
),
-- what was owed just before the first question, added up once; from there on change by change
before AS (
    SELECT o.customer_id, o.currency, CAST(SUM(b.outstanding_minor) AS BIGINT) AS open_minor
    FROM stg_balances AS b
    JOIN stg_orders AS o ON o.order_id = b.order_id
    CROSS JOIN span AS x
    WHERE b.is_open = 1 AND b.from_at < x.first_asked AND (b.until_at IS NULL OR b.until_at >= x.first_asked)
    GROUP BY o.customer_id, o.currency
),
stream AS (
    SELECT
        o.customer_id, o.currency, b.from_at AS fact_at, 0 AS kind, CAST(NULL AS VARCHAR(200)) AS order_id,
        b.is_open * b.outstanding_minor - b.was_open * b.was_outstanding_minor AS d_open_minor, CAST(0 AS BIGINT) AS own_minor
    FROM stg_balances AS b
    JOIN stg_orders AS o ON o.order_id = b.order_id
    CROSS JOIN span AS x
    WHERE b.from_at >= x.first_asked AND b.from_at <= x.last_asked
    UNION ALL
    SELECT customer_id, currency, as_of, 1, order_id, 0, outstanding_minor
    FROM snapshots
),
known AS (
    SELECT customer_id, currency, order_id, fact_at AS as_of, kind, own_minor, CAST(SUM(d_open_minor) OVER past AS BIGINT) AS open_minor
    FROM stream
    WINDOW past AS (PARTITION BY customer_id, currency ORDER BY fact_at, kind ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW)
)
SELECT k.order_id, k.as_of, COALESCE(b.open_minor, 0) + k.open_minor - k.own_minor AS cust_open_minor
FROM known AS k
LEFT JOIN before AS b ON b.customer_id = k.customer_id AND b.currency = k.currency
WHERE k.kind = 1;
