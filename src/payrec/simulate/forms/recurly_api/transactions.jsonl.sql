-- One row is one attempt, payment or refund.
-- Reads charge, refund, obligation; key id.
SELECT
    t.id, 'transaction' AS object, type, t.amount, t.currency, second(event_ts) || 'Z' AS created_at, t.status,
    reason AS status_code, {'object': o.method} AS payment_method, {'id': 'i' || t.order_id} AS invoice
FROM (
    SELECT event_id AS id, order_id, 'purchase' AS type, amount, currency, event_ts, reason_code AS reason,
        CASE WHEN is_paid THEN 'success' ELSE 'declined' END AS status
    FROM charge
    UNION ALL
    SELECT event_id, order_id, 'refund', amount, currency, event_ts, NULL, 'success' FROM refund
) AS t
JOIN obligation AS o ON o.order_id = t.order_id
ORDER BY event_ts, id
