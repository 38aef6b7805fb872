-- One row is one obligation: an invoice, else a payment intent, else a charge.
-- Reads obligations; key order_id.
-- Amounts are text in major units as exported; times are UTC.
SELECT
    order_id, customer_id, 'stripe' AS provider, method AS payment_method, currency, amount, country,
    LEFT(created, 10) AS invoice_date, CAST(NULL AS VARCHAR) AS payment_date, LEFT(due, 10) AS due_date,
    amount_remaining AS outstanding, status
FROM obligations
ORDER BY order_id
