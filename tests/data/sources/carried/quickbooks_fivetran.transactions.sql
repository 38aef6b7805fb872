SELECT
    order_id, COALESCE(customer_id, email) AS customer_id, 'quickbooks' AS provider, currency, amount, invoice_date,
    COALESCE(due_date, invoice_date) AS due_date, outstanding, CASE WHEN outstanding > 0 THEN 'open' ELSE 'paid' END AS status
FROM obligation
