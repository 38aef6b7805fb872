SELECT
    'EV' || UPPER(e.event_id) AS event_id, 'PM' || UPPER(e.order_id) AS order_id, e.event_ts, e.event_type,
    CASE WHEN e.event_type IN ('payment', 'chargeback') THEN o.amount END AS amount, e.reason_code,
    'direct_debit' AS channel, o.currency
FROM events AS e JOIN simple AS o ON o.order_id = e.order_id
WHERE e.event_type IN ('payment', 'chargeback', 'void') OR (e.event_type = 'attempt' AND e.reason_code IS NOT NULL)
UNION ALL
SELECT 'PM' || UPPER(order_id) || ':refund', 'PM' || UPPER(order_id), MIN(event_ts), 'refund', SUM(amount), NULL,
    'direct_debit', MIN(currency)
FROM refund WHERE order_id IN (SELECT order_id FROM simple) GROUP BY order_id
