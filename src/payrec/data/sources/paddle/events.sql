-- One row is one fact about an order: an attempt that failed, a payment, a refund, a credit, a chargeback or its end.
-- Reads latest_billed and adjustments; key event_id.
-- Amounts become units of their currency; times are UTC.
WITH
attempts AS (
    SELECT b.id AS order_id, b.currency, UNNEST(CAST(CAST(b.payments AS JSON) AS JSON[])) AS attempt
    FROM latest_billed AS b
),
read_attempts AS (
    SELECT
        order_id, currency, attempt ->> '$.payment_attempt_id' AS id, attempt ->> '$.status' AS status,
        attempt ->> '$.amount' AS amount, attempt ->> '$.error_code' AS error_code, attempt ->> '$.created_at' AS created,
        attempt ->> '$.captured_at' AS captured, attempt ->> '$.method_details.type' AS method
    FROM attempts
),
facts AS (
    SELECT
        id AS event_id, order_id, COALESCE(captured, created) AS event_ts,
        CASE
            WHEN status = 'captured' THEN 'payment'
            WHEN status IN ('error', 'canceled', 'action_required', 'dropped') THEN 'attempt'
            ELSE 'pending'
        END AS event_type,
        amount AS minor, COALESCE(error_code, status) AS reason_code, method AS channel, currency
    FROM read_attempts
    UNION ALL
    SELECT
        id, billed, created, CASE action WHEN 'chargeback_reverse' THEN 'payment' ELSE action END, total, NULL, NULL,
        currency
    FROM adjustments
    QUALIFY ROW_NUMBER() OVER (PARTITION BY id ORDER BY recorded DESC NULLS LAST, file_number DESC, line DESC) = 1
)
SELECT
    event_id, order_id, event_ts, event_type,
    CASE WHEN event_type <> 'attempt' THEN IN_UNITS(minor, ISO_DIGITS(currency)) END AS amount,
    CASE WHEN event_type = 'attempt' THEN reason_code END AS reason_code, channel, currency
FROM facts
ORDER BY event_ts, event_id
