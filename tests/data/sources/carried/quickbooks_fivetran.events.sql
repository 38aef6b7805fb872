WITH paid AS (
    SELECT *, CASE WHEN event_id[-1] IN ('0', '5') THEN LEAST(amount, 1.00) ELSE 0.00 END AS credit FROM charge WHERE is_paid
)
SELECT event_id || ':' || order_id AS event_id, order_id, CAST(CAST(event_ts AS DATE) AS TIMESTAMP) AS event_ts,
    'payment' AS event_type, CAST(amount - credit AS DECIMAL(18, 2)) AS amount, currency
FROM paid
WHERE amount > credit
UNION ALL
SELECT event_id || ':' || order_id || ':credit', order_id, CAST(CAST(event_ts AS DATE) AS TIMESTAMP), 'credit',
    CAST(credit AS DECIMAL(18, 2)), currency
FROM paid
WHERE credit > 0
