-- Money has a currency: an amount in another currency than its order's has rates of both, of its day or before, or nobody knows what is owed.
WITH rates AS (
    SELECT currency, CAST(MIN(rate_date) AS TIMESTAMP) AS from_at
    FROM fx_rates
    GROUP BY currency
    UNION ALL
    SELECT currency, TIMESTAMP '1900-01-01 00:00:00' FROM reporting_currency
)
SELECT e.event_id, e.order_id, e.event_type, e.amount, e.currency, t.currency AS order_currency
FROM raw_events AS e
JOIN raw_transactions AS t ON t.order_id = e.order_id
LEFT JOIN rates AS r ON r.currency = e.currency AND r.from_at <= e.event_ts
LEFT JOIN rates AS q ON q.currency = t.currency AND q.from_at <= e.event_ts
WHERE e.currency <> t.currency AND e.amount > 0 AND (r.currency IS NULL OR q.currency IS NULL)
  AND e.event_type IN ('payment', 'refund', 'credit', 'chargeback', 'return', 'write_off');
