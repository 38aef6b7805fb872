SELECT 'ch_' || c.event_id AS event_id, c.order_id, c.event_ts, CASE WHEN c.is_paid THEN 'payment' ELSE 'attempt' END AS event_type,
    CASE WHEN c.is_paid THEN c.amount END AS amount, c.reason_code, o.method AS channel, NULL AS detail, c.currency
FROM charge AS c JOIN obligation AS o ON o.order_id = c.order_id
UNION ALL
SELECT 're_' || event_id, order_id, event_ts, 'refund', amount, NULL, NULL, NULL, currency FROM refund
UNION ALL
SELECT order_id || ':void', order_id, voided, 'void', NULL, NULL, NULL, NULL, NULL FROM obligation WHERE voided IS NOT NULL
UNION ALL
SELECT order_id || ':uncollectible', order_id, written_off, 'write_off', NULL, NULL, NULL, NULL, NULL
FROM obligation WHERE written_off IS NOT NULL
UNION ALL
SELECT 'cn_' || e.event_id, e.order_id, e.event_ts, 'credit', e.amount, NULL, NULL, NULL, o.currency
FROM events AS e JOIN orders AS o ON o.order_id = e.order_id WHERE e.event_type = 'credit'
UNION ALL
SELECT 'dp_' || event_id || ':opened', order_id, event_ts, 'dispute_opened', NULL, 'fraudulent', NULL, NULL, currency FROM dispute
UNION ALL
SELECT 'dp_' || event_id || ':withdrawn', order_id, event_ts, 'chargeback', amount, 'fraudulent', NULL, NULL, currency FROM dispute
UNION ALL
SELECT 'dp_' || event_id || ':reinstated', order_id, closed, 'payment', amount, NULL, 'dispute_won', NULL, currency
FROM dispute WHERE closed IS NOT NULL AND NOT is_lost
UNION ALL
SELECT 'dp_' || event_id || ':closed', order_id,
    COALESCE(closed, event_ts + INTERVAL '14' DAY), 'dispute_closed', NULL, 'fraudulent', NULL,
    CASE WHEN is_lost THEN 'lost' ELSE 'won' END, currency
FROM dispute WHERE closed IS NOT NULL OR is_lost
