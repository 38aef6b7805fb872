-- One row is one obligation: an open invoice.
-- Reads aging, one row an invoice; key order_id. Of several files the last counts.
-- Amounts are text in major units without the currency sign; dates are as exported, month or day first by region.
SELECT
    number AS order_id,
    customer AS customer_id,
    'quickbooks' AS provider,
    currency,
    REGEXP_REPLACE(amount, '[$€£]', '') AS amount,
    day AS invoice_date,
    CAST(NULL AS VARCHAR) AS payment_date,
    due AS due_date,
    REGEXP_REPLACE(open_balance, '[$€£]', '') AS outstanding,
    'open' AS status
FROM aging
QUALIFY ROW_NUMBER() OVER (PARTITION BY number ORDER BY file_number DESC, line DESC) = 1
ORDER BY number
