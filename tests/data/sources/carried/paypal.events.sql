SELECT 'PAYPAL' || UPPER(e.event_id) AS event_id, e.order_id, e.event_ts, e.event_type, e.amount, 'paypal' AS channel,
    COALESCE(e.currency, o.currency) AS currency
FROM events AS e JOIN orders AS o ON o.order_id = e.order_id
WHERE e.event_type IN ('payment', 'refund', 'chargeback') AND e.amount IS NOT NULL
