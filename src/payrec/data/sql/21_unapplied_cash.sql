-- One row per (open order, scoring time) that unapplied cash of its customer and currency would close.
-- Reads snapshots, stg_balances, stg_orders, as_of_dates. Key (order_no, as_of).
-- Units: cash_minor, the account's unapplied cash at as_of, and owed_minor in hundredths of the currency. Landmarks are not judged.
-- Never NULL: turn, outstanding_minor, known_at.
-- The order that owes exactly the cash comes first, then the others from the smallest balance up: owed_minor runs through them.
-- Example: 60.00 above the amount were paid on one order; the customer's others owe 25.00, 34.00 and 80.00: owed_minor is
-- 25.00, 59.00, 139.00: the first two are covered. If the last owed 60.00, it alone would be.

CREATE TABLE unapplied_cash AS
WITH cash AS (
    SELECT o.account_no, d.as_of, CAST(SUM(b.unapplied_minor) AS BIGINT) AS cash_minor
    FROM stg_balances AS b
    JOIN stg_orders AS o ON o.order_no = b.order_no
    JOIN as_of_dates AS d ON b.from_at <= d.as_of AND (b.until_at IS NULL OR b.until_at > d.as_of)
    WHERE b.unapplied_minor > 0
    GROUP BY o.account_no, d.as_of
),
owing AS (
    SELECT
        s.order_no, s.as_of, s.account_no, o.order_id, o.known_at, o.amount_minor, s.outstanding_minor, c.cash_minor,
        CASE WHEN s.outstanding_minor = c.cash_minor THEN 0 ELSE 1 END AS turn
    FROM snapshots AS s
    JOIN stg_orders AS o ON o.order_no = s.order_no
    JOIN cash AS c ON c.account_no = s.account_no AND c.as_of = s.as_of
),
owed AS (
    SELECT
        order_no, as_of, amount_minor, cash_minor,
        CAST(SUM(outstanding_minor) OVER (
            PARTITION BY account_no, as_of ORDER BY turn, outstanding_minor, known_at, order_id
            ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) AS BIGINT) AS owed_minor
    FROM owing
)
SELECT order_no, as_of, cash_minor, owed_minor
FROM owed
WHERE (owed_minor - cash_minor) * 20 <= amount_minor;
