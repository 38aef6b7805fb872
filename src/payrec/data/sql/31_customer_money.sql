-- One row per snapshot: what its customer's other open orders owed by then, in the currency of this order.
-- Reads snapshots, stg_orders, stg_balances. Key (order_no, as_of).
-- Units: cust_open_minor in hundredths; other currencies are not added up.
-- Never NULL: fact_at, kind.

CREATE TABLE customer_money AS
WITH span AS (
    SELECT MIN(as_of) AS first_as_of, MAX(as_of) AS last_as_of FROM snapshots
),
-- what was owed just before the first snapshot, added up once; from there on change by change
before AS (
    SELECT o.account_no, CAST(SUM(b.outstanding_minor) AS BIGINT) AS open_minor
    FROM stg_balances AS b
    JOIN stg_orders AS o ON o.order_no = b.order_no
    CROSS JOIN span AS x
    WHERE b.is_open = 1 AND b.from_at < x.first_as_of AND (b.until_at IS NULL OR b.until_at >= x.first_as_of)
    GROUP BY o.account_no
),
stream AS (
    SELECT
        o.account_no, b.from_at AS fact_at, 0 AS kind, CAST(NULL AS INTEGER) AS order_no,
        b.is_open * b.outstanding_minor - b.was_open * b.was_outstanding_minor AS d_open_minor, CAST(0 AS BIGINT) AS own_minor
    FROM stg_balances AS b
    JOIN stg_orders AS o ON o.order_no = b.order_no
    CROSS JOIN span AS x
    WHERE b.from_at >= x.first_as_of AND b.from_at <= x.last_as_of
    UNION ALL
    SELECT account_no, as_of, 1, order_no, 0, outstanding_minor
    FROM snapshots
),
known AS (
    SELECT account_no, order_no, fact_at AS as_of, kind, own_minor, CAST(SUM(d_open_minor) OVER past AS BIGINT) AS open_minor
    FROM stream
    WINDOW past AS (PARTITION BY account_no ORDER BY fact_at, kind ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW)
)
SELECT k.order_no, k.as_of, COALESCE(b.open_minor, 0) + k.open_minor - k.own_minor AS cust_open_minor
FROM known AS k
LEFT JOIN before AS b ON b.account_no = k.account_no
WHERE k.kind = 1;
