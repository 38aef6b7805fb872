SELECT
    order_id, COALESCE(customer_id, email) AS customer_id, 'recurly' AS provider, currency, amount, invoice_date, due_date,
    CASE WHEN state NOT IN ('void', 'uncollectible') THEN outstanding END AS outstanding,
    CASE WHEN state IN ('void', 'paid') THEN state ELSE 'open' END AS status
FROM obligation
