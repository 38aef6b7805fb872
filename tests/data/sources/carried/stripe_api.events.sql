WITH stripe_dispute AS (SELECT d.*, o.stripe_id FROM dispute AS d JOIN obligation AS o ON o.order_id = d.order_id)
SELECT 'ch_' || c.event_id AS event_id, o.stripe_id AS order_id, c.event_ts, CASE WHEN c.is_paid THEN 'payment' ELSE 'attempt' END AS event_type,
    CASE WHEN c.is_paid THEN c.amount END AS amount, c.reason_code, o.method AS channel, NULL AS detail, c.currency
FROM charge AS c JOIN obligation AS o ON o.order_id = c.order_id
UNION ALL
SELECT 're_' || r.event_id, o.stripe_id, r.event_ts, 'refund', r.amount, NULL, NULL, NULL, r.currency
FROM refund AS r JOIN obligation AS o ON o.order_id = r.order_id
UNION ALL
SELECT stripe_id || ':void', stripe_id, voided, 'void', NULL, NULL, NULL, NULL, NULL FROM obligation WHERE voided IS NOT NULL
UNION ALL
SELECT stripe_id || ':uncollectible', stripe_id, written_off, 'write_off', NULL, NULL, NULL, NULL, NULL
FROM obligation WHERE written_off IS NOT NULL
UNION ALL
SELECT 'cn_' || e.event_id, 'in_' || e.order_id, e.event_ts, 'credit', e.amount, NULL, NULL, NULL, o.currency
FROM events AS e JOIN orders AS o ON o.order_id = e.order_id WHERE e.event_type = 'credit'
UNION ALL
SELECT 'dp_' || event_id || ':opened', stripe_id, event_ts, 'dispute_opened', NULL, 'fraudulent', NULL, NULL, currency FROM stripe_dispute
UNION ALL
SELECT 'dp_' || event_id || ':withdrawn', stripe_id, event_ts, 'chargeback', amount, 'fraudulent', NULL, NULL, currency FROM stripe_dispute
UNION ALL
SELECT 'dp_' || event_id || ':reinstated', stripe_id, closed, 'payment', amount, NULL, 'dispute_won', NULL, currency
FROM stripe_dispute WHERE closed IS NOT NULL AND NOT is_lost
UNION ALL
SELECT 'dp_' || event_id || ':closed', stripe_id,
    COALESCE(closed, event_ts + INTERVAL '14' DAY), 'dispute_closed', NULL, 'fraudulent', NULL,
    CASE WHEN is_lost THEN 'lost' ELSE 'won' END, currency
FROM stripe_dispute WHERE closed IS NOT NULL OR is_lost
