-- One row is one fact about an invoice: a declined attempt, a payment, a debit in flight, a refund, a chargeback, the void.
-- Reads attempts and latest_invoices; key event_id. A transaction whose invoice is in no file is no fact about an order.
-- Amounts are text in major units, those of refunds without their sign; times are UTC.
WITH
latest AS (
    SELECT * FROM attempts
    QUALIFY ROW_NUMBER() OVER (PARTITION BY id ORDER BY recorded DESC NULLS LAST, file_number DESC, line DESC) = 1
),
facts AS (
    SELECT
        t.id AS event_id, i.number AS order_id, COALESCE(t.collected, t.created) AS event_ts,
        CASE
            WHEN t.type = 'refund' THEN 'refund'
            WHEN t.status = 'success' THEN 'payment'
            WHEN t.status = 'chargeback' THEN 'chargeback'
            WHEN t.status IN ('processing', 'pending') THEN 'pending'
            ELSE 'attempt'
        END AS event_type,
        LTRIM(t.amount, '-') AS amount, t.reason AS reason_code, t.method AS channel, t.currency
    FROM latest AS t
    JOIN latest_invoices AS i ON i.id = t.invoice
    UNION ALL
    SELECT number || ':void', number, closed, 'void', NULL, NULL, NULL, NULL
    FROM latest_invoices
    WHERE state = 'voided' AND closed IS NOT NULL
)
SELECT
    event_id, order_id, event_ts, event_type, CASE WHEN event_type <> 'attempt' THEN amount END AS amount,
    CASE WHEN event_type IN ('attempt', 'chargeback') THEN reason_code END AS reason_code, channel, currency
FROM facts
ORDER BY event_ts, event_id
