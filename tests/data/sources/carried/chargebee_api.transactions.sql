SELECT
    order_id, COALESCE(customer_id, email) AS customer_id, 'chargebee' AS provider, currency, amount, invoice_date, due_date,
    CASE state WHEN 'void' THEN NULL WHEN 'uncollectible' THEN 0.00 ELSE outstanding END AS outstanding,
    CASE state WHEN 'uncollectible' THEN 'written_off' ELSE state END AS status
FROM obligation
WHERE state <> 'uncollectible' OR outstanding > 0
