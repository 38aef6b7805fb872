SELECT
    order_id, COALESCE(customer_id, email) AS customer_id, 'quickbooks' AS provider, currency, amount, invoice_date,
    COALESCE(due_date, invoice_date) AS due_date, outstanding, 'open' AS status
FROM obligation WHERE state = 'open' AND outstanding > 0
