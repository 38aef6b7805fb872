-- One row per snapshot: all that the model may know of it.
-- Reads snapshots, stg_orders, stg_events, customer_history, customer_money, context_history, fx_rates, reporting_currency, horizon. Key (order_id, as_of).
-- Units: _minor in hundredths of the currency named, _reporting_minor in hundredths of the reporting currency by the newest rate known, _days in whole days.
-- Never NULL: rate_date, at_time, turn.

CREATE TABLE features AS
WITH told AS (
    SELECT
        (SELECT MAX(days) FROM horizon) AS horizon_days,
        (SELECT MIN(known_at) FROM stg_events) AS log_begins_at,
        (SELECT MAX(currency) FROM reporting_currency) AS reporting_currency
),
-- rates and questions in the order of time: a question takes the rate with the number of rates known by then
rates AS (
    SELECT
        currency, rate_to_reporting, CAST(rate_date AS TIMESTAMP) + INTERVAL '1' DAY AS known_at,
        ROW_NUMBER() OVER (PARTITION BY currency ORDER BY rate_date) AS rate_no
    FROM fx_rates
),
questions AS (
    SELECT currency, known_at AS at_time, 0 AS turn, 1 AS is_rate FROM rates
    UNION ALL
    SELECT currency, as_of, 1, 0 FROM snapshots GROUP BY currency, as_of
),
counted AS (
    SELECT
        currency, at_time, turn,
        SUM(is_rate) OVER (PARTITION BY currency ORDER BY at_time, turn ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) AS rate_no
    FROM questions
),
asked_rates AS (
    SELECT c.currency, c.at_time AS as_of, r.rate_to_reporting
    FROM counted AS c
    JOIN rates AS r ON r.currency = c.currency AND r.rate_no = c.rate_no
    WHERE c.turn = 1
),
priced AS (
    SELECT
        s.order_id, s.as_of, s.customer_id, s.is_landmark, s.age_days, s.currency, s.amount_minor, s.outstanding_minor,
        s.provider, s.country, s.reason_code, DATE_TRUNC('day', s.as_of) AS day,
        s.last_event_at, s.last_event_type, s.attempts, s.contacts,
        s.is_disputed, s.has_chargeback, s.is_written_off, s.promised_until,
        t.horizon_days, t.log_begins_at,
        CASE WHEN s.currency = t.reporting_currency THEN s.amount_minor
             WHEN t.reporting_currency IS NOT NULL
             THEN CAST(ROUND(CAST(s.amount_minor AS DECIMAL(19, 0)) * r.rate_to_reporting) AS BIGINT) END AS amount_reporting_minor,
        CASE WHEN s.currency = t.reporting_currency THEN s.outstanding_minor
             WHEN t.reporting_currency IS NOT NULL
             THEN CAST(ROUND(CAST(s.outstanding_minor AS DECIMAL(19, 0)) * r.rate_to_reporting) AS BIGINT) END AS outstanding_reporting_minor,
        t.reporting_currency
    FROM snapshots AS s
    CROSS JOIN told AS t
    LEFT JOIN asked_rates AS r ON r.currency = s.currency AND r.as_of = s.as_of
),
bucketed AS (
    SELECT
        p.order_id, p.as_of, p.customer_id, p.is_landmark, p.age_days, p.currency, p.amount_minor, p.outstanding_minor,
        p.provider, p.country, p.reason_code, p.day, p.last_event_at, p.last_event_type, p.attempts, p.contacts,
        p.is_disputed, p.has_chargeback, p.is_written_off, p.promised_until, p.horizon_days, p.log_begins_at,
        p.amount_reporting_minor, p.outstanding_reporting_minor,
        CASE WHEN p.amount_reporting_minor IS NULL THEN p.currency ELSE p.reporting_currency END AS bucket_currency,
        COALESCE(p.amount_reporting_minor, p.amount_minor) AS bucket_minor
    FROM priced AS p
)
SELECT
    s.order_id, s.as_of, s.customer_id, s.is_landmark, s.age_days, s.horizon_days,
    o.amount, s.currency, s.amount_minor, s.outstanding_minor,
    s.amount_reporting_minor, s.outstanding_reporting_minor,
    s.bucket_currency || CASE
        WHEN s.bucket_minor < 1000 THEN ' 0-10'
        WHEN s.bucket_minor < 2500 THEN ' 10-25'
        WHEN s.bucket_minor < 5000 THEN ' 25-50'
        WHEN s.bucket_minor < 10000 THEN ' 50-100'
        WHEN s.bucket_minor < 25000 THEN ' 100-250'
        WHEN s.bucket_minor < 50000 THEN ' 250-500'
        WHEN s.bucket_minor < 100000 THEN ' 500-1000'
        WHEN s.bucket_minor < 250000 THEN ' 1000-2500'
        WHEN s.bucket_minor < 1000000 THEN ' 2500-10000'
        ELSE ' 10000+' END AS amount_bucket,
    s.provider, o.payment_method, s.country, o.device, o.transaction_type, s.reason_code,
    CAST(EXTRACT(DAY FROM (s.as_of - s.last_event_at)) AS INTEGER) AS days_since_last_event,
    s.last_event_type,
    CASE WHEN s.log_begins_at <= s.as_of THEN COALESCE(s.attempts, 0) END AS attempts,
    CASE WHEN s.log_begins_at <= s.as_of THEN COALESCE(s.contacts, 0) END AS contacts,
    CAST(EXTRACT(DAY FROM (o.due_at - s.day)) AS INTEGER) AS days_to_due,
    s.amount_minor - s.outstanding_minor AS paid_minor,
    COALESCE(s.is_disputed, CAST(0 AS SMALLINT)) AS is_disputed,
    COALESCE(s.has_chargeback, CAST(0 AS SMALLINT)) AS has_chargeback,
    COALESCE(s.is_written_off, CAST(0 AS SMALLINT)) AS is_written_off,
    c.is_opted_out,
    s.promised_until,
    c.cust_orders, c.cust_failures, c.cust_open, c.cust_recovered, c.cust_decided, c.cust_recovered_in_time,
    c.cust_days_to_pay_sum, c.cust_days_to_pay_last, c.cust_days_to_pay_last3_sum, c.cust_days_to_pay_min, c.cust_days_to_pay_max,
    c.cust_days_since_payment, m.cust_open_minor, c.cust_orders_90d, c.cust_failures_90d,
    p.decided_90d AS provider_decided_90d, p.recovered_90d AS provider_recovered_90d,
    r.decided_90d AS reason_decided_90d, r.recovered_90d AS reason_recovered_90d,
    n.decided_90d AS country_decided_90d, n.recovered_90d AS country_recovered_90d
FROM bucketed AS s
JOIN stg_orders AS o ON o.order_id = s.order_id
JOIN customer_history AS c ON c.order_id = s.order_id AND c.as_of = s.as_of
JOIN customer_money AS m ON m.order_id = s.order_id AND m.as_of = s.as_of
JOIN context_history AS p ON p.dimension = 'provider' AND p.value = COALESCE(s.provider, '') AND p.day = s.day
JOIN context_history AS r ON r.dimension = 'reason' AND r.value = COALESCE(s.reason_code, '') AND r.day = s.day
JOIN context_history AS n ON n.dimension = 'country' AND n.value = COALESCE(s.country, '') AND n.day = s.day;
