-- One row per snapshot: everything in numbers that the model may know about it.
-- Reads snapshots, stg_orders, stg_events, customer_history, customer_money, unapplied_cash, fx_rates, reporting_currency, horizon. Key (order_no, as_of).
-- Units: _minor in hundredths of the order's currency, _reporting_minor in hundredths of the reporting currency by the newest rate known, _days in whole days.
-- Never NULL: rate_date, at_time, turn.

CREATE TABLE features AS
WITH parameters AS (
    SELECT
        (SELECT MAX(days) FROM horizon) AS horizon_days,
        (SELECT MIN(known_at) FROM stg_events) AS log_begins_at,
        (SELECT MAX(currency) FROM reporting_currency) AS reporting_currency
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
)
SELECT
    s.order_no, s.as_of, s.is_landmark, s.age_days, t.horizon_days, s.outstanding_minor,
    CASE WHEN o.currency = t.reporting_currency THEN o.amount_minor
         WHEN t.reporting_currency IS NOT NULL
         THEN CAST(ROUND(CAST(o.amount_minor AS DECIMAL(19, 0)) * r.rate_to_reporting) AS BIGINT) END AS amount_reporting_minor,
    CASE WHEN o.currency = t.reporting_currency THEN s.outstanding_minor
         WHEN t.reporting_currency IS NOT NULL
         THEN CAST(ROUND(CAST(s.outstanding_minor AS DECIMAL(19, 0)) * r.rate_to_reporting) AS BIGINT) END AS outstanding_reporting_minor,
    s.reason_no,
    CAST(EXTRACT(DAY FROM (s.as_of - s.last_event_at)) AS INTEGER) AS days_since_last_event,
    s.last_kind,
    CASE WHEN t.log_begins_at <= s.as_of THEN s.attempts END AS attempts,
    CASE WHEN t.log_begins_at <= s.as_of THEN s.contacts END AS contacts,
    -- to the end of the due date, rounded up: -age_days, unless the order is younger than its due date
    36500 - CAST(EXTRACT(DAY FROM (s.as_of - (o.due_at - INTERVAL '36499' DAY))) AS INTEGER) AS days_to_due,
    o.amount_minor - s.outstanding_minor AS paid_minor,
    s.is_disputed, s.has_chargeback, c.is_opted_out,
    s.promised_until, s.pending_since, s.snoozed_until,
    CAST(CASE WHEN s.as_of < o.clock_at THEN 1 ELSE 0 END AS SMALLINT) AS is_not_due,
    CAST(CASE WHEN u.order_no IS NULL THEN 0 ELSE 1 END AS SMALLINT) AS is_covered_by_cash,
    c.cust_orders, c.cust_failures, c.cust_open, c.cust_recovered, c.cust_decided, c.cust_recovered_in_time,
    c.cust_days_to_pay_sum, c.cust_days_to_pay_last, c.cust_days_to_pay_last3_sum, c.cust_days_to_pay_min, c.cust_days_to_pay_max,
    c.cust_days_since_payment, m.cust_open_minor, c.cust_orders_90d, c.cust_failures_90d
FROM snapshots AS s
CROSS JOIN parameters AS t
JOIN stg_orders AS o ON o.order_no = s.order_no
JOIN customer_history AS c ON c.order_no = s.order_no AND c.as_of = s.as_of
JOIN customer_money AS m ON m.order_no = s.order_no AND m.as_of = s.as_of
LEFT JOIN unapplied_cash AS u ON u.order_no = s.order_no AND u.as_of = s.as_of
LEFT JOIN rates_in_force AS r ON r.currency = o.currency AND r.as_of = s.as_of;
