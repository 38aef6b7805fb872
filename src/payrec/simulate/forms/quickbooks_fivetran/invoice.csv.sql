-- One row is one order as an invoice.
-- Reads obligation; key id.
SELECT
    order_id AS id, COALESCE(customer_id, email) AS customer_id, invoice_date AS transaction_date,
    COALESCE(due_date, invoice_date) AS due_date, amount AS total_amount, outstanding AS balance, currency AS currency_id,
    FALSE AS _fivetran_deleted
FROM obligation
ORDER BY order_id
