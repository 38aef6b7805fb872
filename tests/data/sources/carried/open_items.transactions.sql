SELECT
    order_id, COALESCE(customer_id, email) AS customer_id, 'open-items' AS provider, currency, amount, invoice_date, due_date,
    outstanding, 'open' AS status
FROM obligation WHERE state = 'open' AND outstanding > 0
