-- One row is one obligation: an invoice.
-- Reads latest_invoices; key order_id.
-- Amounts become units of their currency; days are UTC.
SELECT
    id AS order_id,
    customer AS customer_id,
    'chargebee' AS provider,
    currency,
    IN_UNITS(total, ISO_DIGITS(currency)) AS amount,
    LEFT(issued, 10) AS invoice_date,
    CAST(NULL AS VARCHAR) AS payment_date,
    LEFT(due, 10) AS due_date,
    CASE WHEN status <> 'voided' THEN IN_UNITS(amount_due, ISO_DIGITS(currency)) END AS outstanding,
    CASE
        WHEN status = 'voided' THEN 'void'
        WHEN REGEXP_MATCHES(written_off, '[1-9]') AND NOT REGEXP_MATCHES(amount_due, '[1-9]') THEN 'written_off'
        WHEN status = 'paid' THEN 'paid'
        ELSE 'open'
    END AS status,
    known AS stated_at
FROM latest_invoices
ORDER BY id
