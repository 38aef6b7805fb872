-- One row is one order as an invoice.
-- Reads obligation; key Invoice Number.
SELECT
    order_id AS "Invoice Number", COALESCE(customer_id, email) AS "Customer Id", email AS "Customer Email",
    SPLIT_PART(name, ' ', 1) AS "Customer First Name", SPLIT_PART(name, ' ', 2) AS "Customer Last Name", second(invoice_date) AS "Invoice Date",
    second(due_date) AS "Due Date",
    CASE state WHEN 'void' THEN 'Voided' WHEN 'paid' THEN 'Paid' WHEN 'uncollectible' THEN 'Not Paid' ELSE 'Payment Due' END
        AS "Status",
    currency AS "Currency", amount AS "Amount",
    CASE WHEN state IN ('void', 'uncollectible') THEN 0.00 ELSE outstanding END AS "Amount Due",
    CASE WHEN state = 'uncollectible' THEN outstanding ELSE 0.00 END AS "Write Off Amount",
    CASE WHEN state = 'paid' THEN second(paid_at) END AS "Paid On"
FROM obligation
WHERE state <> 'uncollectible' OR outstanding > 0
ORDER BY order_id
