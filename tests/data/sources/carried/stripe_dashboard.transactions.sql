SELECT
    o.stripe_id AS order_id, COALESCE(o.customer_id, 'email-' || SHA256(o.email)) AS customer_id, 'stripe' AS provider,
    CASE WHEN c.order_id IS NOT NULL THEN o.method END AS payment_method, o.currency, o.amount,
    CASE WHEN c.order_id IS NOT NULL THEN o.country END AS country,
    CASE WHEN o.is_direct THEN CAST(c.first AS DATE) ELSE o.invoice_date END AS invoice_date,
    CASE WHEN NOT o.is_direct THEN o.due_date END AS due_date, CASE WHEN NOT o.is_direct THEN o.outstanding END AS outstanding,
    CASE WHEN NOT o.is_direct THEN REPLACE(o.state, 'uncollectible', 'written_off') END AS status
FROM obligation AS o
LEFT JOIN (SELECT order_id, MIN(event_ts) AS first FROM charge GROUP BY order_id) AS c ON c.order_id = o.order_id
