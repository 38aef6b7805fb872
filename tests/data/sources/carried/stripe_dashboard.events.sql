SELECT 'ch_' || c.event_id AS event_id, o.stripe_id AS order_id, c.event_ts, CASE WHEN c.is_paid THEN 'payment' ELSE 'attempt' END AS event_type,
    CASE WHEN c.is_paid THEN c.amount END AS amount, c.reason_code, o.method AS channel, c.currency
FROM charge AS c JOIN obligation AS o ON o.order_id = c.order_id
UNION ALL
SELECT 'ch_' || r.payment_id || ':refund', o.stripe_id, MIN(r.event_ts), 'refund', SUM(r.amount), NULL, MIN(o.method), MIN(r.currency)
FROM refund AS r JOIN obligation AS o ON o.order_id = r.order_id GROUP BY r.payment_id, o.stripe_id
UNION ALL
SELECT 'ch_' || d.payment_id || ':' || k.suffix, o.stripe_id, CASE k.suffix WHEN 'dispute_end' THEN d.closed ELSE d.event_ts END, k.event_type,
    CASE WHEN k.suffix = 'chargeback' THEN d.amount END, 'fraudulent', o.method, p.currency
FROM dispute AS d
JOIN obligation AS o ON o.order_id = d.order_id
JOIN charge AS p ON p.event_id = d.payment_id
JOIN (VALUES ('dispute', 'dispute_opened'), ('chargeback', 'chargeback'), ('dispute_end', 'dispute_closed')) AS k(suffix, event_type)
    ON k.suffix = 'dispute' OR (k.suffix = 'chargeback' AND d.is_lost)
    OR (k.suffix = 'dispute_end' AND d.closed IS NOT NULL AND NOT d.is_lost)
