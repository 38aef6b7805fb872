-- One row is one refund.
-- Reads refund; key id.
SELECT
    're_' || event_id AS id, 'refund' AS object, minor(amount, currency) AS amount, 'ch_' || payment_id AS charge,
    epoch_s(event_ts) AS created, LOWER(currency) AS currency, CAST(NULL AS VARCHAR) AS reason, 'succeeded' AS status
FROM refund
ORDER BY event_ts, event_id
