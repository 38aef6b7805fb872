-- One row is one payment; every fifth uses a credit memo of 1.00 beside money.
-- Reads charge; key id.
SELECT
    event_id AS id, CAST(event_ts AS DATE) AS transaction_date,
    amount - CASE WHEN event_id[-1] IN ('0', '5') THEN LEAST(amount, 1.00) ELSE 0.00 END AS total_amount,
    0.00 AS unapplied_amount, currency AS currency_id
FROM charge
WHERE is_paid
ORDER BY event_id
