-- One row is one order of which something is owed, as in an A/R aging detail report in several currencies.
-- Reads obligation; key Num.
SELECT
    STRFTIME(invoice_date, '%m/%d/%Y') AS "Date", 'Invoice' AS "Transaction type", order_id AS "Num",
    COALESCE(customer_id, email) AS "Customer full name", STRFTIME(COALESCE(due_date, invoice_date), '%m/%d/%Y') AS "Due date",
    '$' || amount AS "Amount", '$' || outstanding AS "Open balance", currency AS "Currency"
FROM obligation
WHERE state = 'open' AND outstanding > 0
ORDER BY order_id
