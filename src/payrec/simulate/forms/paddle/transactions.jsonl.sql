-- One row is one transaction with its attempts.
-- Reads obligation, charge; key id.
SELECT
    'txn_' || o.order_id AS id,
    CASE o.state WHEN 'void' THEN 'canceled' WHEN 'paid' THEN 'completed' ELSE 'past_due' END AS status,
    'ctm_' || COALESCE(o.customer_id, o.email) AS customer_id, o.currency AS currency_code,
    second(o.invoice_date) || 'Z' AS created_at, second(o.invoice_date) || 'Z' AS billed_at, 'automatic' AS collection_mode,
    'subscription_recurring' AS origin,
    {'totals': {
        'grand_total': CAST(minor(o.amount, o.currency) AS VARCHAR),
        'balance': CAST(minor(o.outstanding, o.currency) AS VARCHAR)
    }} AS details,
    (
        SELECT COALESCE(LIST({
            'payment_attempt_id': c.event_id, 'status': CASE WHEN c.is_paid THEN 'captured' ELSE 'error' END,
            'amount': CAST(minor(c.amount, o.currency) AS VARCHAR), 'error_code': c.reason_code,
            'created_at': second(c.event_ts) || 'Z',
            'captured_at': CASE WHEN c.is_paid THEN second(c.event_ts) || 'Z' END, 'method_details': {'type': o.method}
        } ORDER BY c.event_ts), [])
        FROM charge AS c WHERE c.order_id = o.order_id AND c.currency = o.currency
    ) AS payments
FROM obligation AS o
ORDER BY o.order_id
