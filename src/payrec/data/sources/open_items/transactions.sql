-- One row is one obligation: an open invoice.
-- Reads items, one row an invoice; key order_id. Of several files the last counts.
-- Amounts and dates are text as exported, in major units and the day order of the program.
SELECT
    number AS order_id,
    customer AS customer_id,
    'open-items' AS provider,
    currency,
    COALESCE(amount, open_amount) AS amount,
    invoiced AS invoice_date,
    CAST(NULL AS VARCHAR) AS payment_date,
    due AS due_date,
    open_amount AS outstanding,
    'open' AS status
FROM items
QUALIFY ROW_NUMBER() OVER (PARTITION BY number ORDER BY file_number DESC, line DESC) = 1
ORDER BY number
