-- One row is one credit note on an open invoice.
-- Reads events and orders; key id.
SELECT
    'cn_' || e.event_id AS id, 'credit_note' AS object, minor(e.amount, o.currency) AS amount,
    minor(e.amount, o.currency) AS pre_payment_amount, epoch_s(e.event_ts) AS created, LOWER(o.currency) AS currency,
    'in_' || e.order_id AS invoice, 'issued' AS status, 'pre_payment' AS type, TRUE AS livemode
FROM events AS e
JOIN orders AS o ON o.order_id = e.order_id
WHERE e.event_type = 'credit'
ORDER BY e.event_ts, e.event_id
