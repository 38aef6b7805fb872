-- One row is one fact about an invoice: a declined attempt, a payment, a debit in flight, a refund, the void.
-- Reads attempts and invoices; key event_id. Of several files the last counts.
-- Amounts are text in major units, those of refunds without their sign; times carry the offset of their zone.
WITH
latest AS (
    SELECT * FROM attempts
    QUALIFY ROW_NUMBER() OVER (PARTITION BY id ORDER BY file_number DESC, line DESC) = 1
),
facts AS (
    SELECT
        id AS event_id, invoice AS order_id, date AS event_ts,
        CASE
            WHEN status = 'declined' THEN 'attempt'
            WHEN status = 'processing' THEN 'pending'
            WHEN type = 'refund' THEN 'refund'
            ELSE 'payment'
        END AS event_type,
        LTRIM(amount, '-') AS amount, reason AS reason_code, method AS channel, currency
    FROM latest
    WHERE type = 'purchase' OR status = 'success'
    UNION ALL
    SELECT number || ':void', number, closed, 'void', NULL, NULL, NULL, NULL
    FROM invoices
    WHERE status = 'voided' AND closed IS NOT NULL
    QUALIFY ROW_NUMBER() OVER (PARTITION BY number ORDER BY file_number DESC, line DESC) = 1
)
SELECT
    event_id, order_id, IN_ZONE(LEFT(event_ts, 19), SPLIT_PART(event_ts, ' ', 3)) AS event_ts, event_type,
    CASE WHEN event_type <> 'attempt' THEN amount END AS amount,
    CASE WHEN event_type = 'attempt' THEN reason_code END AS reason_code, channel, currency
FROM facts
ORDER BY event_ts, event_id
