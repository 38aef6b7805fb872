-- Amounts of events are not below 0, and a refund, credit, chargeback or return states its amount: the type says which way money moves.
SELECT event_id, order_id, event_type, amount
FROM raw_events
WHERE amount < 0 OR (amount IS NULL AND event_type IN ('refund', 'credit', 'chargeback', 'return'));
