-- One row per snapshot: what the customer's other orders say about it, and its money in the reporting currency.
-- Reads snapshots, stg_orders, stg_outcomes, customer_blocks, customer_states, customer_decisions, customer_paces, unapplied_cash, fx_rates, reporting_currency. Key (order_no, as_of).
-- Units: _minor in hundredths of the order's currency, _reporting_minor in hundredths of the reporting currency by the newest rate known, _days in whole days.
-- Never NULL: rate_date, at_time, turn.
-- cust_… are of the customer's other orders: the customer's state at as_of, less own_…, this order's share of it. cust_days_to_pay_last,
-- _last3_sum, _min and _max are NULL while no recovery is known, and for an order whose own recovery was undone: its own pace is not its
-- customer's.
-- cust_decided_weight, cust_in_time_weight and cust_weight_today: as in 29_customer_decisions.sql, without the doublings until as_of.
-- Example: the order of 50.00 in 31_customer_states.sql at 20 May 00:00: cust_orders 2 - 1, cust_open 2 - 1, cust_open_minor 15000 - 5000,
-- cust_orders_90d 2 orders less 0 known before 19 February less 1, its own.

CREATE TABLE features AS
WITH parameters AS (
    SELECT MAX(currency) AS reporting_currency FROM reporting_currency
),
-- rates and snapshots in the order of time: a snapshot takes the rate with the number of rates known by then
rates AS (
    SELECT
        currency, rate_to_reporting, CAST(rate_date AS TIMESTAMP) + INTERVAL '1' DAY AS known_at,
        ROW_NUMBER() OVER (PARTITION BY currency ORDER BY rate_date) AS rate_no
    FROM fx_rates
),
moments AS (
    SELECT currency, known_at AS at_time, 0 AS turn, 1 AS is_rate FROM rates
    UNION ALL
    SELECT o.currency, s.as_of, 1, 0
    FROM snapshots AS s
    JOIN stg_orders AS o ON o.order_no = s.order_no
    GROUP BY o.currency, s.as_of
),
counted AS (
    SELECT
        currency, at_time, turn,
        SUM(is_rate) OVER (PARTITION BY currency ORDER BY at_time, turn ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) AS rate_no
    FROM moments
),
rates_in_force AS (
    SELECT c.currency, c.at_time AS as_of, r.rate_to_reporting
    FROM counted AS c
    JOIN rates AS r ON r.currency = c.currency AND r.rate_no = c.rate_no
    WHERE c.turn = 1
),
aged AS (
    SELECT
        s.order_no, s.as_of, s.customer_no, s.account_no, s.outstanding_minor,
        o.currency, o.amount_minor, c.accounts, c.opted_out_at, c.block_shift,
        CAST(EXTRACT(DAY FROM (o.known_at - c.first_order_at)) AS INTEGER) AS tenure_days,
        LEAST(CAST(EXTRACT(DAY FROM (s.as_of - c.first_order_at)) AS INTEGER), 3967) AS today,
        COALESCE(LEAST(CAST(EXTRACT(DAY FROM (r.decided_at - c.first_order_at)) AS INTEGER), 3967), 0) AS own_day,
        CASE WHEN o.known_at >= s.as_of - INTERVAL '90' DAY THEN 1 ELSE 0 END AS own_recent,
        CASE WHEN r.order_no IS NULL THEN 0 ELSE 1 END AS own_failure,
        CASE WHEN r.recovered_at <= s.as_of THEN 1 ELSE 0 END AS own_recovered,
        CASE WHEN r.decided_at <= s.as_of THEN 1 ELSE 0 END AS own_decided,
        CASE WHEN r.decided_at <= s.as_of THEN r.recovered_in_time ELSE 0 END AS own_in_time,
        CASE WHEN r.recovered_at <= s.as_of THEN CAST(EXTRACT(DAY FROM (r.recovered_at - r.known_at)) AS INTEGER) ELSE 0 END AS own_days_to_pay,
        -- orders are known at midnight: those known by older_at are the ones known before as_of - 90 days
        CASE WHEN s.as_of = DATE_TRUNC('day', s.as_of) THEN s.as_of - INTERVAL '91' DAY
             ELSE DATE_TRUNC('day', s.as_of) - INTERVAL '90' DAY END AS older_at
    FROM snapshots AS s
    JOIN stg_orders AS o ON o.order_no = s.order_no
    JOIN customer_blocks AS c ON c.customer_no = s.customer_no
    LEFT JOIN stg_outcomes AS r ON r.order_no = s.order_no
),
owned AS (
    SELECT
        order_no, as_of, customer_no, account_no, outstanding_minor, currency, amount_minor, accounts, opted_out_at, tenure_days, today,
        own_recent, own_failure, own_recovered, own_decided, own_in_time, own_days_to_pay, older_at,
        CAST(128 + (own_day & 127) AS BIGINT) << (own_day >> 7) AS own_weight,
        CAST(EXTRACT(DAY FROM (as_of - TIMESTAMP '0001-01-01 00:00:00')) AS INTEGER) >> block_shift AS block,
        CAST(EXTRACT(DAY FROM (older_at - TIMESTAMP '0001-01-01 00:00:00')) AS INTEGER) >> block_shift AS older_block
    FROM aged
)
SELECT
    s.order_no, s.as_of,
    CASE WHEN s.currency = t.reporting_currency THEN s.amount_minor
         WHEN t.reporting_currency IS NOT NULL
         THEN CAST(ROUND(CAST(s.amount_minor AS DECIMAL(19, 0)) * x.rate_to_reporting) AS BIGINT) END AS amount_reporting_minor,
    CASE WHEN s.currency = t.reporting_currency THEN s.outstanding_minor
         WHEN t.reporting_currency IS NOT NULL
         THEN CAST(ROUND(CAST(s.outstanding_minor AS DECIMAL(19, 0)) * x.rate_to_reporting) AS BIGINT) END AS outstanding_reporting_minor,
    CAST(CASE WHEN s.opted_out_at <= s.as_of THEN 1 ELSE 0 END AS SMALLINT) AS is_opted_out,
    CAST(CASE WHEN u.order_no IS NULL THEN 0 ELSE 1 END AS SMALLINT) AS is_covered_by_cash,
    s.tenure_days AS cust_tenure_days,
    CAST(n.orders - 1 AS BIGINT) AS cust_orders,
    CAST(n.failures - s.own_failure AS BIGINT) AS cust_failures,
    CAST(n.still_open - s.own_failure AS BIGINT) AS cust_open,
    CAST(n.recovered - s.own_recovered AS BIGINT) AS cust_recovered,
    CAST(n.decided - s.own_decided AS BIGINT) AS cust_decided,
    CAST(n.in_time - s.own_in_time AS BIGINT) AS cust_recovered_in_time,
    (COALESCE(d.weight, 0) - s.own_decided * s.own_weight) >> (s.today >> 7) AS cust_decided_weight,
    (COALESCE(d.in_time_weight, 0) - s.own_in_time * s.own_weight) >> (s.today >> 7) AS cust_in_time_weight,
    128 + (s.today & 127) AS cust_weight_today,
    COALESCE(p.days_to_pay_sum, 0) - s.own_days_to_pay AS cust_days_to_pay_sum,
    CASE WHEN s.own_recovered = 0 THEN p.days_to_pay END AS cust_days_to_pay_last,
    CASE WHEN s.own_recovered = 0 THEN p.last3_sum END AS cust_days_to_pay_last3_sum,
    CASE WHEN s.own_recovered = 0 THEN p.quickest END AS cust_days_to_pay_min,
    CASE WHEN s.own_recovered = 0 THEN p.slowest END AS cust_days_to_pay_max,
    CAST(EXTRACT(DAY FROM (s.as_of - n.last_paid_at)) AS INTEGER) AS cust_days_since_payment,
    CASE WHEN s.accounts = 1 THEN n.open_minor ELSE m.open_minor END - s.outstanding_minor AS cust_open_minor,
    CAST(n.orders - g.orders - s.own_recent AS BIGINT) AS cust_orders_90d,
    CAST(n.failures - g.failures - s.own_recent * s.own_failure AS BIGINT) AS cust_failures_90d
FROM owned AS s
CROSS JOIN parameters AS t
-- Look-ups are LEFT JOINs though each meets one row: that fixes their order, on which the memory of DuckDB depends. The block is there
-- for speed alone, see 30_customer_blocks.sql. n: at as_of; g: 90 days before; m: the money of a customer with several accounts.
LEFT JOIN customer_states AS n
  ON n.customer_no = s.customer_no AND n.account_no = 0 AND n.from_at <= s.as_of AND n.until_at > s.as_of AND n.block = s.block
LEFT JOIN customer_states AS g
  ON g.customer_no = s.customer_no AND g.account_no = 0 AND g.from_at <= s.older_at AND g.until_at > s.older_at AND g.block = s.older_block
LEFT JOIN customer_states AS m
  ON m.account_no = s.account_no AND m.account_no > 0 AND m.from_at <= s.as_of AND m.until_at > s.as_of AND m.block = s.block
LEFT JOIN customer_decisions AS d ON d.customer_no = s.customer_no AND d.decided = n.decided
LEFT JOIN customer_paces AS p ON p.customer_no = s.customer_no AND p.nth = n.recovered
LEFT JOIN unapplied_cash AS u ON u.order_no = s.order_no AND u.as_of = s.as_of
LEFT JOIN rates_in_force AS x ON x.currency = s.currency AND x.as_of = s.as_of;
