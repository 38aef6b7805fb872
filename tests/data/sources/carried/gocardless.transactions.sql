SELECT
    'PM' || UPPER(order_id) AS order_id, COALESCE(customer_id, email) AS customer_id, 'gocardless' AS provider,
    'direct_debit' AS payment_method, currency, amount, invoice_date, COALESCE(due_date, invoice_date) AS due_date,
    CASE
        WHEN state = 'void' THEN 'void'
        WHEN order_id IN (SELECT order_id FROM events WHERE event_type = 'chargeback') THEN 'charged_back'
        WHEN paid > 0 THEN 'paid' ELSE 'open'
    END AS status
FROM simple
