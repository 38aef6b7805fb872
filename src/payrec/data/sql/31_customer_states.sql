-- One row per (customer, account, time from which it holds, until the next): what the customer's orders had shown, and what it owed.
-- Reads stg_orders, stg_balances, stg_outcomes, accounts, snapshots, customer_blocks. Key (customer_no, account_no, from_at); [from_at, until_at) do not overlap.
-- Units: counts of orders; open_minor in hundredths of the account's currency; times in UTC.
-- account_no 0 is all orders of the customer; one who owes in several currencies also has rows of what each account owes, and only that.
-- Never NULL: from_at.
-- Example, customer 7 has an order of 100.00, known on 2 May, paid on 20 May at 12:00, and one of 50.00, known on 10 May, not paid:
--   from 2 May     orders 1, failures 1, still_open 1, recovered 0, decided 0, open_minor 10000
--   from 10 May    orders 2, failures 2, still_open 2, recovered 0, decided 0, open_minor 15000
--   from 20 May 12:00     2           2             1            1          0             5000
--   from 1 June    as before, but decided 1, in_time 1: the first order is 30 days old, and was paid by then
-- The second order on 20 May 00:00 takes the row of 10 May and its own share off: 1 other order, failed and open, owing 100.00.
-- With a third order, of 7.00 and known on 10 May, and the second in USD, 20 May 00:00 finds three rows: account_no 0 with orders 3 and no open_minor,
-- 1 (EUR) with open_minor 10700, and 2 (USD) with 5000.

CREATE TABLE customer_states AS
-- Two counts travel as one number, low + high * 1073741824 (2 to the 30th), since a running sum is what this file costs:
--   orders: all orders, failures | opens: recovered, open | decisions: decided, in time
WITH facts AS (
    SELECT
        o.customer_no, o.account_no, o.known_at AS fact_at,
        CASE WHEN r.order_no IS NULL THEN 1 ELSE 1 + 1073741824 END AS orders,
        0 AS opens, 0 AS decisions, CAST(0 AS BIGINT) AS open_minor,
        CASE WHEN r.order_no IS NULL AND o.amount_minor > 0 THEN o.known_at END AS paid_at
    FROM stg_orders AS o
    LEFT JOIN stg_outcomes AS r ON r.order_no = o.order_no
    UNION ALL
    SELECT
        o.customer_no, o.account_no, b.from_at, 0,
        CASE WHEN r.order_no IS NULL THEN 0
             ELSE (b.is_open - b.was_open) * 1073741824 + CASE WHEN b.from_at = r.recovered_at THEN 1 ELSE 0 END END,
        0, b.is_open * b.outstanding_minor - b.was_open * b.was_outstanding_minor,
        CASE WHEN r.order_no IS NOT NULL AND b.paid_minor > 0 AND b.is_opening = 0 THEN b.from_at END
    FROM stg_balances AS b
    JOIN stg_orders AS o ON o.order_no = b.order_no
    LEFT JOIN stg_outcomes AS r ON r.order_no = b.order_no
    UNION ALL
    SELECT customer_no, account_no, decided_at, 0, 0, 1 + recovered_in_time * 1073741824, 0, NULL
    FROM stg_outcomes
    WHERE decided_at IS NOT NULL
),
owners AS (
    SELECT customer_no, 0 AS account_no, block_shift FROM customer_blocks
    UNION ALL
    SELECT a.customer_no, a.account_no, c.block_shift
    FROM accounts AS a
    JOIN customer_blocks AS c ON c.customer_no = a.customer_no AND c.accounts > 1
),
owned AS (
    SELECT customer_no, 0 AS account_no, fact_at, orders, opens, decisions, open_minor, paid_at FROM facts
    UNION ALL
    SELECT f.customer_no, f.account_no, f.fact_at, 0, 0, 0, f.open_minor, NULL
    FROM facts AS f
    JOIN customer_blocks AS c ON c.customer_no = f.customer_no AND c.accounts > 1
    WHERE f.open_minor <> 0
),
-- Only what a snapshot looks up: its own time, and 90 days before. What is older is counted as of the first of these times.
times AS (
    SELECT as_of AS at_time FROM snapshots GROUP BY as_of
    UNION
    SELECT DATE_TRUNC('day', as_of) - INTERVAL '90' DAY FROM snapshots GROUP BY as_of
    UNION
    SELECT DATE_TRUNC('day', as_of) - INTERVAL '91' DAY FROM snapshots GROUP BY as_of
),
span AS (
    SELECT MIN(at_time) AS first_at, MAX(at_time) AS last_at FROM times
),
-- For speed a look-up shall meet few rows: it joins on account and block of days as well, so each block begins with a row of its own,
-- a fact that adds nothing.
blocks AS (
    SELECT DISTINCT
        s.block_shift, CAST(EXTRACT(DAY FROM (t.at_time - TIMESTAMP '0001-01-01 00:00:00')) AS INTEGER) >> s.block_shift AS block
    FROM times AS t
    CROSS JOIN (SELECT DISTINCT block_shift FROM customer_blocks) AS s
),
dated AS (
    SELECT
        f.customer_no, f.account_no, GREATEST(f.fact_at, x.first_at) AS from_at, f.orders, f.opens, f.decisions, f.open_minor, f.paid_at
    FROM owned AS f
    CROSS JOIN span AS x
    WHERE f.fact_at <= x.last_at
    UNION ALL
    SELECT
        w.customer_no, w.account_no,
        GREATEST(TIMESTAMP '0001-01-01 00:00:00' + (b.block << w.block_shift) * INTERVAL '1' DAY, x.first_at), 0, 0, 0, 0, NULL
    FROM owners AS w
    JOIN blocks AS b ON b.block_shift = w.block_shift
    CROSS JOIN span AS x
),
moments AS (
    SELECT
        customer_no, account_no, from_at, CAST(SUM(orders) AS BIGINT) AS orders, CAST(SUM(opens) AS BIGINT) AS opens,
        CAST(SUM(decisions) AS BIGINT) AS decisions, CAST(SUM(open_minor) AS BIGINT) AS open_minor, MAX(paid_at) AS paid_at
    FROM dated
    GROUP BY customer_no, account_no, from_at
),
running AS (
    SELECT
        customer_no, account_no, from_at,
        LEAD(from_at) OVER (PARTITION BY customer_no, account_no ORDER BY from_at) AS until_at,
        CAST(SUM(orders) OVER so_far AS BIGINT) AS orders,
        CAST(SUM(opens) OVER so_far AS BIGINT) AS opens,
        CAST(SUM(decisions) OVER so_far AS BIGINT) AS decisions,
        CAST(SUM(open_minor) OVER so_far AS BIGINT) AS open_minor,
        MAX(paid_at) OVER so_far AS last_paid_at
    FROM moments
    WINDOW so_far AS (PARTITION BY customer_no, account_no ORDER BY from_at ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW)
)
SELECT
    r.customer_no, r.account_no, CAST(EXTRACT(DAY FROM (r.from_at - TIMESTAMP '0001-01-01 00:00:00')) AS INTEGER) >> c.block_shift AS block,
    r.from_at, COALESCE(r.until_at, TIMESTAMP '9999-12-31 00:00:00') AS until_at,
    CAST(r.orders & 1073741823 AS INTEGER) AS orders, CAST(r.orders >> 30 AS INTEGER) AS failures,
    CAST(r.opens & 1073741823 AS INTEGER) AS recovered, CAST(r.opens >> 30 AS INTEGER) AS still_open,
    CAST(r.decisions & 1073741823 AS INTEGER) AS decided, CAST(r.decisions >> 30 AS INTEGER) AS in_time,
    -- money of several currencies is not added up
    CASE WHEN r.account_no > 0 OR c.accounts = 1 THEN r.open_minor END AS open_minor,
    r.last_paid_at
FROM running AS r
JOIN customer_blocks AS c ON c.customer_no = r.customer_no;
