SELECT
    'PSP' || e.event_id || ':' || CASE e.event_type WHEN 'payment' THEN 'Settled' WHEN 'refund' THEN 'Refunded' ELSE 'Chargeback' END
        || ':M' || e.event_id AS event_id,
    e.order_id, e.event_ts, e.event_type, e.amount, 'visa' AS channel, COALESCE(e.currency, o.currency) AS currency
FROM events AS e JOIN orders AS o ON o.order_id = e.order_id
WHERE e.event_type IN ('payment', 'refund', 'chargeback') AND e.amount IS NOT NULL
