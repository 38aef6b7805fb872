-- One row is one obligation: an invoice.
-- Reads invoices, one row an invoice; key order_id. Of several files the last counts.
-- Amounts and dates are text as exported, in major units.
SELECT
    number AS order_id,
    customer AS customer_id,
    'chargebee' AS provider,
    currency,
    amount,
    LEFT(invoiced, 10) AS invoice_date,
    LEFT(paid_on, 10) AS payment_date,
    LEFT(due, 10) AS due_date,
    amount_due AS outstanding,
    CASE
        WHEN LOWER(status) = 'voided' THEN 'void'
        WHEN LOWER(status) = 'paid' THEN 'paid'
        WHEN REGEXP_MATCHES(written_off, '[1-9]') AND NOT REGEXP_MATCHES(amount_due, '[1-9]') THEN 'written_off'
        ELSE 'open'
    END AS status
FROM invoices
QUALIFY ROW_NUMBER() OVER (PARTITION BY number ORDER BY file_number DESC, line DESC) = 1
ORDER BY number
