SELECT c.event_id, c.order_id, c.event_ts, CASE WHEN c.is_paid THEN 'payment' ELSE 'attempt' END AS event_type,
    CASE WHEN c.is_paid THEN c.amount END AS amount, c.reason_code, o.method AS channel, c.currency
FROM charge AS c JOIN obligation AS o ON o.order_id = c.order_id
UNION ALL
SELECT r.event_id, r.order_id, r.event_ts, 'refund', r.amount, NULL, o.method, r.currency
FROM refund AS r JOIN obligation AS o ON o.order_id = r.order_id
UNION ALL
SELECT order_id || ':void', order_id, voided, 'void', NULL, NULL, NULL, NULL FROM obligation WHERE voided IS NOT NULL
