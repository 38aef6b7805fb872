-- One row per snapshot: all that the model may know of it.
-- Reads snapshots, stg_orders, stg_events, customer_history, customer_money, context_history, fx_rates, reporting_currency, horizon. Key (order_id, as_of).
-- Units: _minor in hundredths of the currency named, _reporting_minor in hundredths of the reporting currency by the newest rate known, _days in whole days.

CREATE TABLE features AS
WITH rates AS (
    SELECT
        currency, rate_to_reporting,
        CAST(rate_date AS TIMESTAMP) + INTERVAL '1' DAY AS from_at,
        LEAD(CAST(rate_date AS TIMESTAMP) + INTERVAL '1' DAY) OVER (PARTITION BY currency ORDER BY rate_date) AS until_at
    FROM fx_rates
),
event_log AS (
    SELECT MIN(known_at) AS begins_at FROM stg_events
),
priced AS (
    SELECT
        s.order_id, s.as_of, s.customer_id, s.is_landmark, s.age_days, s.currency, s.amount_minor, s.outstanding_minor,
        s.provider, s.country, s.reason_code, DATE_TRUNC('day', s.as_of) AS day,
        s.last_event_at, s.last_event_type, s.attempts, s.contacts,
        s.is_disputed, s.has_chargeback, s.is_written_off, s.promised_until,
        CASE WHEN s.currency = c.currency THEN s.amount_minor
             ELSE CAST(ROUND(CAST(s.amount_minor AS DECIMAL(18, 0)) * r.rate_to_reporting) AS BIGINT) END AS amount_reporting_minor,
        CASE WHEN s.currency = c.currency THEN s.outstanding_minor
             ELSE CAST(ROUND(CAST(s.outstanding_minor AS DECIMAL(18, 0)) * r.rate_to_reporting) AS BIGINT) END AS outstanding_reporting_minor,
        CASE WHEN s.currency = c.currency OR r.rate_to_reporting IS NOT NULL THEN c.currency ELSE s.currency END AS bucket_currency,
        CASE WHEN s.currency = c.currency OR r.rate_to_reporting IS NULL THEN s.amount_minor
             ELSE CAST(ROUND(CAST(s.amount_minor AS DECIMAL(18, 0)) * r.rate_to_reporting) AS BIGINT) END AS bucket_minor
    FROM snapshots AS s
    LEFT JOIN reporting_currency AS c ON c.currency IS NOT NULL
    LEFT JOIN rates AS r
      ON r.currency = s.currency AND c.currency IS NOT NULL AND r.from_at <= s.as_of AND (r.until_at IS NULL OR r.until_at > s.as_of)
)
SELECT
    s.order_id, s.as_of, s.customer_id, s.is_landmark, s.age_days, h.days AS horizon_days,
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
    CASE WHEN l.begins_at <= s.as_of THEN COALESCE(s.attempts, 0) END AS attempts,
    CASE WHEN l.begins_at <= s.as_of THEN COALESCE(s.contacts, 0) END AS contacts,
    CAST(EXTRACT(DAY FROM (o.due_at - s.day)) AS INTEGER) AS days_to_due,
    s.amount_minor - s.outstanding_minor AS paid_minor,
    COALESCE(s.is_disputed, CAST(0 AS SMALLINT)) AS is_disputed,
    COALESCE(s.has_chargeback, CAST(0 AS SMALLINT)) AS has_chargeback,
    COALESCE(s.is_written_off, CAST(0 AS SMALLINT)) AS is_written_off,
    c.is_opted_out,
    s.promised_until,
    c.cust_orders, c.cust_failures, c.cust_open, c.cust_recovered, c.cust_decided, c.cust_recovered_in_time,
    c.cust_days_to_pay_sum, c.cust_days_since_payment, m.cust_open_minor, c.cust_orders_90d, c.cust_failures_90d,
    p.decided_90d AS provider_decided_90d, p.recovered_90d AS provider_recovered_90d,
    r.decided_90d AS reason_decided_90d, r.recovered_90d AS reason_recovered_90d,
    n.decided_90d AS country_decided_90d, n.recovered_90d AS country_recovered_90d
FROM priced AS s
JOIN stg_orders AS o ON o.order_id = s.order_id
JOIN customer_history AS c ON c.order_id = s.order_id AND c.as_of = s.as_of
JOIN customer_money AS m ON m.order_id = s.order_id AND m.as_of = s.as_of
JOIN context_history AS p ON p.dimension = 'provider' AND p.value = COALESCE(s.provider, '') AND p.day = s.day
JOIN context_history AS r ON r.dimension = 'reason' AND r.value = COALESCE(s.reason_code, '') AND r.day = s.day
JOIN context_history AS n ON n.dimension = 'country' AND n.value = COALESCE(s.country, '') AND n.day = s.day
CROSS JOIN horizon AS h
CROSS JOIN event_log AS l;
