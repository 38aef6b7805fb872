-- One row is one obligation: an invoice.
-- Reads invoices; key order_id. Of several files the last counts.
-- Amounts are text in major units; dates are those of the company.
SELECT
    id AS order_id,
    customer AS customer_id,
    'quickbooks' AS provider,
    currency,
    total AS amount,
    LEFT(day, 10) AS invoice_date,
    CAST(NULL AS VARCHAR) AS payment_date,
    LEFT(due, 10) AS due_date,
    balance AS outstanding,
    CASE WHEN REGEXP_MATCHES(balance, '[1-9]') THEN 'open' ELSE 'paid' END AS status
FROM invoices
QUALIFY ROW_NUMBER() OVER (PARTITION BY id ORDER BY file_number DESC, line DESC) = 1
ORDER BY id
