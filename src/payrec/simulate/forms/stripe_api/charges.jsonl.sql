-- One row is one charge. Every second order is in the form before 2025-03-31, in which a charge names its invoice.
-- Reads charge and obligation; key id.
SELECT
    'ch_' || c.event_id AS id, 'charge' AS object, minor(c.amount, c.currency) AS amount,
    CASE WHEN c.is_paid THEN minor(c.amount, c.currency) ELSE 0 END AS amount_captured,
    CASE WHEN c.is_paid THEN COALESCE((SELECT SUM(minor(r.amount, r.currency)) FROM refund AS r WHERE r.payment_id = c.event_id), 0) ELSE 0 END
        AS amount_refunded,
    c.is_paid AS captured, epoch_s(c.event_ts) AS created, LOWER(c.currency) AS currency, o.customer_id AS customer,
    {'email': o.email, 'name': UPPER(o.name), 'address': {'country': NULL}} AS billing_details,
    CASE WHEN NOT o.is_direct AND o.order_id[-1] IN ('0', '2', '4', '6', '8') THEN o.stripe_id END AS invoice,
    'pi_' || o.order_id AS payment_intent,
    CASE WHEN c.is_paid THEN 'succeeded' ELSE 'failed' END AS status,
    CASE WHEN NOT c.is_paid THEN 'card_declined' END AS failure_code,
    {'reason': c.reason_code, 'type': CASE WHEN c.is_paid THEN 'authorized' ELSE 'issuer_declined' END} AS outcome,
    {'type': o.method, 'card': {'country': o.country}} AS payment_method_details, TRUE AS livemode
FROM charge AS c
JOIN obligation AS o ON o.order_id = c.order_id
ORDER BY c.event_ts, c.event_id
