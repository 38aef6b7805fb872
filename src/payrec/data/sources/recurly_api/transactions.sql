-- One row is one obligation: a charge invoice.
-- Reads latest_invoices; key order_id.
-- Amounts are text in major units; days are UTC.
SELECT
    number AS order_id,
    customer_id,
    'recurly' AS provider,
    currency,
    total AS amount,
    LEFT(created, 10) AS invoice_date,
    CAST(NULL AS VARCHAR) AS payment_date,
    LEFT(due, 10) AS due_date,
    CASE WHEN state NOT IN ('failed', 'voided') THEN balance END AS outstanding,
    CASE state
        WHEN 'paid' THEN 'paid' WHEN 'closed' THEN 'paid' WHEN 'voided' THEN 'void' WHEN 'processing' THEN 'in_flight'
        ELSE 'open'
    END AS status
FROM latest_invoices
ORDER BY number
