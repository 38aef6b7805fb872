-- One row is one fact about an order: a payment, a refund, a chargeback or reversal.
-- Reads activity; key event_id. Of several files the last counts.
-- Amounts are text in major units without their sign; times carry the offset of their zone.
WITH
latest AS (
    SELECT * FROM activity
    QUALIFY ROW_NUMBER() OVER (PARTITION BY id ORDER BY file_number DESC, line DESC) = 1
)
SELECT
    a.id AS event_id, COALESCE(a.invoice, p.invoice) AS order_id, IN_ZONE(a.date || ' ' || a.time, a.zone) AS event_ts,
    CASE
        WHEN a.impact = 'Credit' THEN 'payment'
        WHEN LOWER(a.type) LIKE '%refund%' THEN 'refund'
        ELSE 'chargeback'
    END AS event_type,
    LTRIM(a.gross, '-') AS amount, 'paypal' AS channel, a.currency
FROM latest AS a
LEFT JOIN latest AS p ON p.id = a.reference
WHERE COALESCE(a.invoice, p.invoice) IS NOT NULL
ORDER BY a.id
