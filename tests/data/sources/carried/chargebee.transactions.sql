SELECT
    order_id, COALESCE(customer_id, email) AS customer_id, 'chargebee' AS provider, currency, amount, invoice_date, due_date,
    CASE WHEN state = 'paid' THEN CAST(paid_at AS DATE) END AS payment_date,
    CASE WHEN state IN ('void', 'uncollectible') THEN 0.00::DECIMAL(18, 2) ELSE outstanding END AS outstanding,
    REPLACE(state, 'uncollectible', 'written_off') AS status
FROM obligation WHERE state <> 'uncollectible' OR outstanding > 0
