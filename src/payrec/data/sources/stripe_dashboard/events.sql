-- One row is one fact about an order: an attempt, a payment, a refund, the start or end of a dispute, a chargeback.
-- Reads latest_charges; key event_id. A charge gives one to four events.
-- Amounts are text in major units as exported; times are UTC.
WITH
charges AS (
    SELECT
        * REPLACE (
            COALESCE(refunded, created) AS refunded,
            COALESCE(amount_refunded, CASE WHEN LOWER(status) = 'refunded' THEN amount END) AS amount_refunded
        ),
        method AS channel,
        CASE
            WHEN LOWER(status) IN ('failed', 'blocked') THEN 'attempt'
            WHEN LOWER(status) IN ('pending', 'processing', 'uncaptured') THEN 'pending'
            ELSE 'payment'
        END AS event_type
    FROM latest_charges
),
facts AS (
    SELECT
        id AS event_id, order_id, created AS event_ts, event_type,
        CASE WHEN event_type <> 'attempt' THEN amount END AS amount,
        CASE WHEN event_type = 'attempt' THEN reason_code END AS reason_code, channel, currency
    FROM charges
    UNION ALL
    SELECT id || ':refund', order_id, refunded, 'refund', amount_refunded, NULL, channel, currency
    FROM charges
    WHERE event_type = 'payment' AND REGEXP_MATCHES(amount_refunded, '[1-9]')
    UNION ALL
    SELECT id || ':dispute', order_id, disputed, 'dispute_opened', NULL, dispute_reason, channel, currency
    FROM charges
    WHERE disputed IS NOT NULL
    UNION ALL
    SELECT id || ':chargeback', order_id, disputed, 'chargeback', COALESCE(disputed_amount, amount), dispute_reason,
        channel, currency
    FROM charges
    WHERE disputed IS NOT NULL AND dispute_status = 'lost'
    UNION ALL
    SELECT id || ':dispute_end', order_id, COALESCE(evidence_due, disputed), 'dispute_closed', NULL, dispute_reason,
        channel, currency
    FROM charges
    WHERE disputed IS NOT NULL AND dispute_status IN ('won', 'warning_closed', 'prevented')
)
SELECT event_id, order_id, event_ts, event_type, amount, reason_code, channel, currency
FROM facts
ORDER BY event_ts, event_id
