-- One row per (order, as_of) at which the order could still be recovered: ids, features, amount, currency, label.
-- Reads features, labels. Key (order_id, as_of).
-- Units: as in features and labels; the label is over horizon_days.

CREATE VIEW v_feature_view AS
SELECT
    f.order_id, f.as_of, f.customer_id, f.is_landmark, f.age_days, f.horizon_days,
    f.amount, f.currency, f.amount_minor, f.outstanding_minor, f.amount_reporting_minor, f.outstanding_reporting_minor, f.amount_bucket,
    f.provider, f.payment_method, f.country, f.device, f.transaction_type, f.reason_code,
    f.days_since_last_event, f.last_event_type, f.attempts, f.contacts, f.days_to_due, f.paid_minor,
    f.is_disputed, f.has_chargeback, f.is_written_off, f.is_opted_out, f.promised_until,
    f.cust_orders, f.cust_failures, f.cust_open, f.cust_recovered, f.cust_decided, f.cust_recovered_in_time,
    f.cust_days_to_pay_sum, f.cust_days_to_pay_last, f.cust_days_to_pay_last3_sum, f.cust_days_to_pay_min, f.cust_days_to_pay_max,
    f.cust_days_since_payment, f.cust_open_minor, f.cust_orders_90d, f.cust_failures_90d,
    f.provider_decided_90d, f.provider_recovered_90d, f.reason_decided_90d, f.reason_recovered_90d,
    f.country_decided_90d, f.country_recovered_90d,
    l.label_recovered_30d
FROM features AS f
JOIN labels AS l ON l.order_id = f.order_id AND l.as_of = f.as_of;
