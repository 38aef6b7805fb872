-- One row is one fact about an order: an attempt, a payment, a refund, the start or end of a dispute, a chargeback.
-- Reads payments, one row a charge; key event_id. A charge gives one to four events.
-- Amounts are text in major units as exported; times are UTC.
WITH
charges AS (
    SELECT
        id, COALESCE(invoice, intent, id) AS order_id, created, amount, amount_refunded, UPPER(currency) AS currency,
        COALESCE(method, 'card') AS channel, COALESCE(refunded, created) AS refunded, disputed, evidence_due,
        disputed_amount, dispute_reason, REPLACE(LOWER(dispute_status), ' ', '_') AS dispute_status,
        CASE
            WHEN LOWER(status) IN ('failed', 'blocked') THEN 'attempt'
            WHEN LOWER(status) IN ('pending', 'processing', 'uncaptured') THEN 'pending'
            ELSE 'payment'
        END AS event_type,
        COALESCE(
            decline_reason, NULLIF(REGEXP_EXTRACT(seller_message, 'decline code [`"'']?([a-z0-9_]+)', 1), '')
        ) AS reason_code
    FROM payments
    QUALIFY ROW_NUMBER() OVER (PARTITION BY id ORDER BY file_number DESC, line DESC) = 1
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
