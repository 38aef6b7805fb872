-- One row per (order, as_of) at which the order could still be recovered: ids, features, amount, currency, label.
-- Reads snapshots, features, labels, stg_orders, accounts, reason_numbers, event_types, context_history, reporting_currency, horizon. Key (order_id, as_of).
-- Units: as in snapshots, features and labels; the label is over horizon_days. Numbers become ids and codes again here, and nowhere before.

CREATE VIEW v_feature_view AS
WITH reporting AS (
    SELECT (SELECT MAX(currency) FROM reporting_currency) AS currency, (SELECT MAX(days) FROM horizon) AS horizon_days
),
named AS (
    SELECT
        o.order_id, s.as_of, a.customer_id, s.is_landmark, s.age_days, t.horizon_days,
        o.amount, o.currency, o.amount_minor, s.outstanding_minor, f.amount_reporting_minor, f.outstanding_reporting_minor,
        CASE WHEN f.amount_reporting_minor IS NULL THEN o.currency ELSE t.currency END AS bucket_currency,
        COALESCE(f.amount_reporting_minor, o.amount_minor) AS bucket_minor,
        o.provider, o.payment_method, o.country, o.device, o.transaction_type, r.reason_code,
        CAST(EXTRACT(DAY FROM (s.as_of - s.last_event_at)) AS INTEGER) AS days_since_last_event,
        e.event_type AS last_event_type, s.attempts, s.contacts,
        -- to the end of the due date, rounded up: -age_days, unless the order is younger than its due date
        36500 - CAST(EXTRACT(DAY FROM (s.as_of - (o.due_at - INTERVAL '36499' DAY))) AS INTEGER) AS days_to_due,
        o.amount_minor - s.outstanding_minor AS paid_minor,
        s.is_disputed, s.has_chargeback, f.is_opted_out, s.promised_until, s.pending_since, s.snoozed_until,
        CAST(CASE WHEN s.as_of < o.clock_at THEN 1 ELSE 0 END AS SMALLINT) AS is_not_due, f.is_covered_by_cash,
        f.cust_tenure_days, f.cust_orders, f.cust_failures, f.cust_open, f.cust_recovered, f.cust_decided, f.cust_recovered_in_time,
        f.cust_decided_weight, f.cust_in_time_weight, f.cust_weight_today,
        f.cust_days_to_pay_sum, f.cust_days_to_pay_last, f.cust_days_to_pay_last3_sum, f.cust_days_to_pay_min, f.cust_days_to_pay_max,
        f.cust_days_since_payment, f.cust_open_minor, f.cust_orders_90d, f.cust_failures_90d,
        l.label_recovered_30d, DATE_TRUNC('day', s.as_of) AS day
    FROM snapshots AS s
    CROSS JOIN reporting AS t
    JOIN features AS f ON f.order_no = s.order_no AND f.as_of = s.as_of
    JOIN labels AS l ON l.order_no = s.order_no AND l.as_of = s.as_of
    JOIN stg_orders AS o ON o.order_no = s.order_no
    JOIN accounts AS a ON a.account_no = o.account_no
    LEFT JOIN reason_numbers AS r ON r.reason_no = s.reason_no
    LEFT JOIN event_types AS e ON e.kind = s.last_kind
)
SELECT
    f.order_id, f.as_of, f.customer_id, f.is_landmark, f.age_days, f.horizon_days,
    f.amount, f.currency, f.amount_minor, f.outstanding_minor, f.amount_reporting_minor, f.outstanding_reporting_minor,
    f.bucket_currency || CASE
        WHEN f.bucket_minor < 1000 THEN ' 0-10'
        WHEN f.bucket_minor < 2500 THEN ' 10-25'
        WHEN f.bucket_minor < 5000 THEN ' 25-50'
        WHEN f.bucket_minor < 10000 THEN ' 50-100'
        WHEN f.bucket_minor < 25000 THEN ' 100-250'
        WHEN f.bucket_minor < 50000 THEN ' 250-500'
        WHEN f.bucket_minor < 100000 THEN ' 500-1000'
        WHEN f.bucket_minor < 250000 THEN ' 1000-2500'
        WHEN f.bucket_minor < 1000000 THEN ' 2500-10000'
        ELSE ' 10000+' END AS amount_bucket,
    f.provider, f.payment_method, f.country, f.device, f.transaction_type, f.reason_code,
    f.days_since_last_event, f.last_event_type, f.attempts, f.contacts, f.days_to_due, f.paid_minor,
    f.is_disputed, f.has_chargeback, f.is_opted_out, f.promised_until, f.pending_since, f.snoozed_until, f.is_not_due, f.is_covered_by_cash,
    f.cust_tenure_days, f.cust_orders, f.cust_failures, f.cust_open, f.cust_recovered, f.cust_decided, f.cust_recovered_in_time,
    f.cust_decided_weight, f.cust_in_time_weight, f.cust_weight_today,
    f.cust_days_to_pay_sum, f.cust_days_to_pay_last, f.cust_days_to_pay_last3_sum, f.cust_days_to_pay_min, f.cust_days_to_pay_max,
    f.cust_days_since_payment, f.cust_open_minor, f.cust_orders_90d, f.cust_failures_90d,
    p.decided_90d AS provider_decided_90d, p.recovered_90d AS provider_recovered_90d,
    q.decided_90d AS reason_decided_90d, q.recovered_90d AS reason_recovered_90d,
    n.decided_90d AS country_decided_90d, n.recovered_90d AS country_recovered_90d,
    f.label_recovered_30d
FROM named AS f
-- each look-up meets one row; LEFT JOIN keeps DuckDB from joining the three with each other first
LEFT JOIN context_history AS p ON p.dimension = 'provider' AND p.value = COALESCE(f.provider, '') AND p.day = f.day
LEFT JOIN context_history AS q ON q.dimension = 'reason' AND q.value = COALESCE(f.reason_code, '') AND q.day = f.day
LEFT JOIN context_history AS n ON n.dimension = 'country' AND n.value = COALESCE(f.country, '') AND n.day = f.day;
