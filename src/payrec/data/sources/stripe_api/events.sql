-- One row is one fact about an order: what happened to a charge, a refund, a dispute, an invoice or a credit note.
-- Reads linked_charges, latest_invoices, refunds, disputes, credit_notes; key event_id.
-- Amounts become units of their currency; times are UTC. recorded_ts: when a webhook event said so.
WITH
given_back AS (
    SELECT r.*, COALESCE(c.order_id, r.intent, r.charge) AS order_id, UPPER(COALESCE(r.currency, c.currency)) AS unit
    FROM refunds AS r
    LEFT JOIN linked_charges AS c ON c.id = r.charge
    QUALIFY ROW_NUMBER() OVER (PARTITION BY r.id ORDER BY r.recorded DESC NULLS LAST, r.file_number DESC, r.line DESC) = 1
),
dispute AS (
    SELECT
        d.*, COALESCE(c.order_id, d.intent, d.charge) AS order_id, UPPER(COALESCE(d.currency, c.currency)) AS unit,
        MIN(d.recorded) OVER (PARTITION BY d.id, d.status) AS known,
        d.status NOT LIKE 'warning%' AND d.status <> 'prevented' AS takes_money
    FROM disputes AS d
    LEFT JOIN linked_charges AS c ON c.id = d.charge
    QUALIFY ROW_NUMBER() OVER (PARTITION BY d.id ORDER BY d.recorded DESC NULLS LAST, d.file_number DESC, d.line DESC) = 1
),
charged AS (
    SELECT order_id, SUM(CAST(amount_captured AS BIGINT)) AS minor
    FROM linked_charges
    WHERE event_type = 'payment'
    GROUP BY order_id
),
facts AS (
    SELECT
        id AS event_id, order_id, created AS event_ts, known, event_type,
        CASE WHEN event_type <> 'attempt' THEN amount_captured END AS minor,
        CASE WHEN event_type = 'attempt' THEN reason END AS reason_code, method AS channel,
        CASE
            WHEN event_type = 'attempt'
                THEN NULLIF(CONCAT_WS(
                    ' ', CASE WHEN reason <> decline_code THEN 'decline_code=' || decline_code END,
                    'network_decline_code=' || network_code, 'advice=' || advice, 'network_advice_code=' || advice_code
                ), '')
        END AS detail,
        currency
    FROM linked_charges
    UNION ALL
    SELECT id, order_id, AS_TIME(created), NULL, 'refund', amount, reason, NULL, NULL, unit
    FROM given_back
    UNION ALL
    SELECT c.id || ':refund', c.order_id, c.created, c.known, 'refund',
        CAST(CAST(c.amount_refunded AS BIGINT) - COALESCE(r.minor, 0) AS VARCHAR), NULL, c.method, NULL, c.currency
    FROM linked_charges AS c
    LEFT JOIN (SELECT charge, SUM(CAST(amount AS BIGINT)) AS minor FROM given_back GROUP BY charge) AS r
        ON r.charge = c.id
    WHERE c.event_type = 'payment' AND CAST(c.amount_refunded AS BIGINT) > COALESCE(r.minor, 0)
    UNION ALL
    SELECT i.id || ':paid', i.id, i.paid, NULL, 'payment',
        CAST(CAST(i.amount_paid AS BIGINT) - COALESCE(c.minor, 0) AS VARCHAR), NULL, 'out_of_band', NULL, i.currency
    FROM latest_invoices AS i
    LEFT JOIN charged AS c ON c.order_id = i.id
    WHERE i.status = 'paid' AND i.paid IS NOT NULL AND CAST(i.amount_paid AS BIGINT) > COALESCE(c.minor, 0)
    UNION ALL
    SELECT id || ':uncollectible', id, uncollectible, NULL, 'write_off', NULL, NULL, NULL, NULL, NULL
    FROM latest_invoices
    WHERE uncollectible IS NOT NULL
    UNION ALL
    SELECT id || ':void', id, voided, NULL, 'void', NULL, NULL, NULL, NULL, NULL
    FROM latest_invoices
    WHERE voided IS NOT NULL
    UNION ALL
    SELECT n.id, n.invoice, AS_TIME(n.created), NULL, 'credit', COALESCE(n.before_payment, n.amount), NULL, NULL, NULL,
        UPPER(COALESCE(n.currency, i.currency))
    FROM credit_notes AS n
    LEFT JOIN latest_invoices AS i ON i.id = n.invoice
    QUALIFY ROW_NUMBER() OVER (PARTITION BY n.id ORDER BY n.recorded DESC NULLS LAST, n.file_number DESC, n.line DESC) = 1
    UNION ALL
    SELECT id || ':opened', order_id, AS_TIME(created), NULL, 'dispute_opened', NULL, reason, NULL, NULL, unit
    FROM dispute
    UNION ALL
    SELECT id || ':withdrawn', order_id, AS_TIME(created), NULL, 'chargeback', amount, reason, NULL, NULL, unit
    FROM dispute
    WHERE takes_money
    UNION ALL
    SELECT id || ':reinstated', order_id, AS_TIME(COALESCE(known, evidence_due, created)), NULL, 'payment', amount, NULL,
        'dispute_won', NULL, unit
    FROM dispute
    WHERE status = 'won'
    UNION ALL
    SELECT id || ':closed', order_id, AS_TIME(COALESCE(known, evidence_due, created)), NULL, 'dispute_closed', NULL,
        reason, NULL, status, unit
    FROM dispute
    WHERE status IN ('won', 'lost', 'warning_closed', 'prevented')
)
SELECT
    event_id, order_id, event_ts, AS_TIME(known) AS recorded_ts, event_type,
    IN_UNITS(minor, STRIPE_DIGITS(currency)) AS amount, reason_code, channel, detail, currency
FROM facts
ORDER BY event_ts, event_id
