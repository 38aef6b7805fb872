-- One row is one order as a charge invoice.
-- Reads obligation; key id. Times are in Central European Summer Time, two hours before UTC.
SELECT
    'i' || order_id AS id, order_id AS invoice_number, COALESCE(customer_id, email) AS account_code,
    STRFTIME(invoice_date, '%Y-%m-%d') || ' 12:00:00 CEST' AS billed_date,
    STRFTIME(due_date, '%Y-%m-%d') || ' 12:00:00 CEST' AS due_on,
    second(COALESCE(voided, paid_at) + INTERVAL '2' HOUR) || ' CEST' AS closed_at,
    CASE state WHEN 'void' THEN 'voided' WHEN 'uncollectible' THEN 'failed' WHEN 'paid' THEN 'paid' ELSE 'past_due' END AS status,
    currency, amount AS total, outstanding AS balance
FROM obligation
ORDER BY order_id
