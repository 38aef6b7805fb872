-- One row is one obligation: a sales invoice.
-- Reads invoices, one row an invoice, lines collapsed; key order_id. Of several files the last counts.
-- Amounts and dates are text as exported, in major units and the day order of the organisation's region.
SELECT
    number AS order_id,
    contact AS customer_id,
    'xero' AS provider,
    currency,
    total AS amount,
    invoiced AS invoice_date,
    CAST(NULL AS VARCHAR) AS payment_date,
    due AS due_date,
    amount_due AS outstanding,
    CASE LOWER(status) WHEN 'awaiting payment' THEN 'open' WHEN 'authorised' THEN 'open' ELSE LOWER(status) END AS status
FROM invoices
QUALIFY ROW_NUMBER() OVER (PARTITION BY number ORDER BY file_number DESC, line DESC) = 1
ORDER BY number
