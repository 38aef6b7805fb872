-- One row is one order of which something is owed.
-- Reads obligation; key Invoice Number.
SELECT
    order_id AS "Invoice Number", COALESCE(customer_id, email) AS "Customer Number", name AS "Customer Name", email AS "E-Mail", invoice_date AS "Invoice Date",
    due_date AS "Due Date", amount AS "Original Amount", outstanding AS "Open Amount", currency AS "Currency"
FROM obligation
WHERE state = 'open' AND outstanding > 0
ORDER BY order_id
