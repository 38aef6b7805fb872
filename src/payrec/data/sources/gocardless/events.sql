-- One row is one fact about a payment: submitted, failed, confirmed, taken back, refunded, cancelled.
-- Reads latest_payments and history; key event_id.
-- Amounts are text in major units; times are UTC, of a payment without history its charge date.
WITH
happened AS (
    SELECT
        h.id, h.payment, h.created, h.action, h.cause, p.amount, p.currency,
        COALESCE(BOOL_OR(h.action = 'confirmed') OVER (
            PARTITION BY h.payment ORDER BY h.created, h.id ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
        ), FALSE) AS was_confirmed
    FROM history AS h
    JOIN latest_payments AS p ON p.id = h.payment
    WHERE h.resource = 'payments'
),
facts AS (
    SELECT
        id AS event_id, payment AS order_id, created AS event_ts,
        CASE
            WHEN action = 'confirmed' THEN 'payment'
            WHEN action = 'submitted' THEN 'pending'
            WHEN action = 'failed' AND was_confirmed THEN 'return'
            WHEN action = 'failed' THEN 'attempt'
            WHEN action = 'charged_back' THEN 'chargeback'
            WHEN action = 'chargeback_cancelled' THEN 'payment'
            WHEN action IN ('cancelled', 'customer_approval_denied') THEN 'void'
        END AS event_type,
        amount, cause AS reason_code, currency
    FROM happened
    UNION ALL
    SELECT id || ':status', id, charge_date, CASE WHEN status = 'failed' THEN 'attempt' ELSE 'payment' END, amount, NULL,
        currency
    FROM latest_payments
    WHERE NOT has_history AND status IN ('confirmed', 'paid_out', 'failed', 'charged_back')
    UNION ALL
    SELECT id || ':chargeback', id, charge_date, 'chargeback', amount, NULL, currency
    FROM latest_payments
    WHERE NOT has_history AND status = 'charged_back'
    UNION ALL
    SELECT p.id || ':refund', p.id, COALESCE(r.created, p.charge_date), 'refund', p.amount_refunded, NULL, p.currency
    FROM latest_payments AS p
    LEFT JOIN (SELECT payment, MIN(created) AS created FROM history WHERE resource = 'refunds' GROUP BY payment) AS r
        ON r.payment = p.id
    WHERE REGEXP_MATCHES(p.amount_refunded, '[1-9]')
)
SELECT
    event_id, order_id, event_ts, event_type,
    CASE WHEN event_type NOT IN ('attempt', 'void') THEN amount END AS amount,
    CASE WHEN event_type IN ('attempt', 'return', 'chargeback') THEN reason_code END AS reason_code,
    'direct_debit' AS channel, currency
FROM facts
WHERE event_type IS NOT NULL
ORDER BY event_ts, event_id
