SELECT
    order_id, COALESCE(customer_id, email) AS customer_id, 'xero' AS provider, currency, amount, invoice_date,
    COALESCE(due_date, invoice_date) AS due_date, outstanding,
    CASE WHEN state IN ('void', 'paid') THEN state ELSE 'open' END AS status
FROM obligation
