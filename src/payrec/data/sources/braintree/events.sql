-- One row is one fact about an order: an attempt, a payment, a sale in flight, a refund.
-- Reads latest_sales; key event_id.
-- Amounts are text in major units; times carry the offset of their zone.
SELECT
    id AS event_id, order_id, created AS event_ts, event_type,
    CASE WHEN event_type <> 'attempt' THEN amount END AS amount,
    CASE WHEN event_type = 'attempt' THEN reason END AS reason_code, method AS channel, currency
FROM latest_sales
ORDER BY created, id
