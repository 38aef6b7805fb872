-- One row is one order as an invoice, in units.
-- Reads obligation; key id.
SELECT
    stripe_id AS id, amount AS "Amount Due", outstanding AS "Amount Remaining", second(invoice_date) AS "Date (UTC)",
    LOWER(currency) AS "Currency", customer_id AS "Customer", email AS "Customer Email", name AS "Customer Name", second(due_date) AS "Due Date (UTC)",
    second(invoice_date) AS "Finalized At (UTC)", 'N-' || order_id AS "Number", state AS "Status"
FROM obligation
WHERE NOT is_direct
ORDER BY order_id
