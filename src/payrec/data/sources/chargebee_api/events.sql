-- One row is one fact about an invoice: an attempt, a payment, one in progress, a refund, a reversal, a credit, the void.
-- Reads attempts and latest_invoices; key event_id. A transaction gives one event for each invoice it is linked to.
-- Amounts become units of their currency; times are UTC.
WITH
latest AS (
    SELECT *, MIN(recorded) OVER (PARTITION BY id, status) AS known
    FROM attempts
    QUALIFY ROW_NUMBER() OVER (PARTITION BY id ORDER BY recorded DESC NULLS LAST, file_number DESC, line DESC) = 1
),
paying AS (
    SELECT t.*, UNNEST(CAST(CAST(invoices AS JSON) AS JSON[])) AS linked
    FROM latest AS t
    WHERE type = 'payment'
),
giving_back AS (
    SELECT
        t.*,
        COALESCE(
            CAST(t.credit_notes AS JSON) ->> '$[0].cn_reference_invoice_id',
            CAST(t.invoices AS JSON) ->> '$[0].invoice_id', CAST(p.invoices AS JSON) ->> '$[0].invoice_id'
        ) AS invoice
    FROM latest AS t
    LEFT JOIN latest AS p ON p.id = COALESCE(t.refunded, CAST(t.payments AS JSON) ->> '$[0].id')
    WHERE t.type <> 'payment'
),
credit AS (
    SELECT id AS invoice, currency, UNNEST(CAST(CAST(credits AS JSON) AS JSON[])) AS note, 'applied_amount' AS amount,
        'applied_at' AS moment
    FROM latest_invoices
    UNION ALL
    SELECT id, currency, UNNEST(CAST(CAST(adjustments AS JSON) AS JSON[])), 'cn_total', 'cn_date' FROM latest_invoices
),
facts AS (
    SELECT
        id || ':' || (linked ->> '$.invoice_id') AS event_id, linked ->> '$.invoice_id' AS order_id,
        COALESCE(linked ->> '$.applied_at', date) AS event_ts, known,
        CASE
            WHEN status = 'success' THEN 'payment'
            WHEN status IN ('in_progress', 'needs_attention') THEN 'pending'
            ELSE 'attempt'
        END AS event_type,
        COALESCE(NULLIF(linked ->> '$.applied_amount', '0'), amount) AS minor, reason AS reason_code, method AS channel,
        UPPER(currency) AS currency
    FROM paying
    UNION ALL
    SELECT id, invoice, date, known, CASE type WHEN 'refund' THEN 'refund' ELSE 'chargeback' END, amount, reason, method,
        UPPER(currency)
    FROM giving_back
    WHERE invoice IS NOT NULL
    UNION ALL
    SELECT (note ->> '$.cn_id') || ':' || invoice, invoice, note ->> ('$.' || moment), NULL, 'credit',
        note ->> ('$.' || amount), NULL, NULL, currency
    FROM credit
    WHERE COALESCE(note ->> '$.cn_status', '') <> 'voided'
    UNION ALL
    SELECT id || ':void', id, voided, known, 'void', NULL, NULL, NULL, NULL FROM latest_invoices WHERE voided IS NOT NULL
)
SELECT
    event_id, order_id, AS_TIME(event_ts) AS event_ts, AS_TIME(known) AS recorded_ts, event_type,
    CASE WHEN event_type <> 'attempt' THEN IN_UNITS(minor, ISO_DIGITS(currency)) END AS amount, reason_code, channel,
    currency
FROM facts
ORDER BY event_ts, event_id
