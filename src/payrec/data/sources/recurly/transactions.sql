-- One row is one obligation: a charge invoice.
-- Reads invoices; key order_id. Of several files the last counts.
-- Amounts are text in major units as exported; days are those of the zone that the site is in.
SELECT
    number AS order_id,
    account AS customer_id,
    'recurly' AS provider,
    currency,
    total AS amount,
    LEFT(billed, 10) AS invoice_date,
    CAST(NULL AS VARCHAR) AS payment_date,
    LEFT(due, 10) AS due_date,
    CASE WHEN status NOT IN ('failed', 'voided') THEN balance END AS outstanding,
    CASE status
        WHEN 'paid' THEN 'paid' WHEN 'closed' THEN 'paid' WHEN 'voided' THEN 'void' WHEN 'processing' THEN 'in_flight'
        ELSE 'open'
    END AS status
FROM invoices
QUALIFY ROW_NUMBER() OVER (PARTITION BY number ORDER BY file_number DESC, line DESC) = 1
ORDER BY number
