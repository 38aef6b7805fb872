SELECT c.event_id, 'txn_' || c.order_id AS order_id, c.event_ts, CASE WHEN c.is_paid THEN 'payment' ELSE 'attempt' END AS event_type,
    CASE WHEN c.is_paid THEN c.amount END AS amount, c.reason_code, o.method AS channel, c.currency
FROM charge AS c JOIN obligation AS o ON o.order_id = c.order_id AND o.currency = c.currency
UNION ALL
SELECT 'adj_' || e.event_id, 'txn_' || e.order_id, e.event_ts, e.event_type, e.amount, NULL, NULL, o.currency
FROM events AS e JOIN orders AS o ON o.order_id = e.order_id
WHERE e.event_type IN ('refund', 'credit', 'chargeback')
