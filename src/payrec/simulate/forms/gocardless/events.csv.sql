-- One row is one event of a payment or refund.
-- Reads charge, simple, refund, events; key id.
SELECT
    'EV' || UPPER(e.event_id) AS id, second(e.event_ts) || '.000Z' AS created_at,
    CASE WHEN e.event_type = 'refund' THEN 'refunds' ELSE 'payments' END AS resource_type,
    CASE e.event_type
        WHEN 'payment' THEN 'confirmed' WHEN 'attempt' THEN 'failed' WHEN 'chargeback' THEN 'charged_back'
        WHEN 'void' THEN 'cancelled' ELSE 'created'
    END AS action,
    e.reason_code AS "details.cause", 'PM' || UPPER(e.order_id) AS "links.payment"
FROM events AS e
JOIN simple AS o ON o.order_id = e.order_id
WHERE e.event_type IN ('payment', 'chargeback', 'void', 'refund') OR (e.event_type = 'attempt' AND e.reason_code IS NOT NULL)
ORDER BY e.event_ts, e.event_id
