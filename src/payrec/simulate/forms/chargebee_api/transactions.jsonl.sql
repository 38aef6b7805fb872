-- One row is one attempt, payment or refund; a refund names the payment that it gives back.
-- Reads charge, refund, obligation; key id.
SELECT
    c.event_id AS id, 'transaction' AS object, 'payment' AS type, epoch_s(c.event_ts) AS date,
    CASE WHEN c.is_paid THEN 'success' ELSE 'failure' END AS status, c.currency AS currency_code,
    minor(c.amount, c.currency) AS amount, c.reason_code AS error_code, o.method AS payment_method,
    [{'invoice_id': c.order_id, 'applied_amount': CASE WHEN c.is_paid THEN minor(c.amount, c.currency) ELSE 0 END}] AS linked_invoices,
    NULL AS refunded_txn_id
FROM charge AS c
JOIN obligation AS o ON o.order_id = c.order_id
WHERE o.state <> 'uncollectible' OR o.outstanding > 0
UNION ALL
SELECT r.event_id, 'transaction', 'refund', epoch_s(r.event_ts), 'success', r.currency, minor(r.amount, r.currency), NULL,
    o.method, [], r.payment_id
FROM refund AS r
JOIN obligation AS o ON o.order_id = r.order_id
WHERE o.state <> 'uncollectible' OR o.outstanding > 0
ORDER BY date, id
