-- One row is one line of an order as a sales invoice; every third has two lines.
-- Reads obligation; key InvoiceNumber and line.
SELECT
    COALESCE(customer_id, email) AS "*ContactName", email AS "EmailAddress", order_id AS "InvoiceNumber",
    STRFTIME(invoice_date, '%d/%m/%Y') AS "InvoiceDate", STRFTIME(COALESCE(due_date, invoice_date), '%d/%m/%Y') AS "DueDate",
    amount AS "Total", outstanding AS "InvoiceAmountDue", ROUND(amount / 2, 2) + line AS "LineAmount",
    currency AS "Currency", 'Sales invoice' AS "Type",
    CASE state WHEN 'void' THEN 'Voided' WHEN 'paid' THEN 'Paid' ELSE 'Awaiting Payment' END AS "Status"
FROM obligation
CROSS JOIN (VALUES (0), (1)) AS v(line)
WHERE line = 0 OR order_id[-1] IN ('3', '6', '9')
ORDER BY order_id, line
