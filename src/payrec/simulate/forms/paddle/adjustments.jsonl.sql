-- One row is one refund, credit or chargeback.
-- Reads events, orders; key id.
SELECT
    'adj_' || e.event_id AS id, e.event_type AS action, 'txn_' || e.order_id AS transaction_id, 'approved' AS status,
    o.currency AS currency_code, second(e.event_ts) || 'Z' AS created_at,
    {'total': CAST(minor(e.amount, o.currency) AS VARCHAR)} AS totals
FROM events AS e
JOIN orders AS o ON o.order_id = e.order_id
WHERE e.event_type IN ('refund', 'credit', 'chargeback')
ORDER BY e.event_ts, e.event_id
