SELECT
    o.order_id, COALESCE(o.customer_id, 'email-' || SHA256(o.email)) AS customer_id, 'braintree' AS provider,
    o.method AS payment_method, o.currency, o.amount, o.country,
    (SELECT CAST(MIN(c.event_ts) - INTERVAL '4' HOUR AS DATE) FROM charge AS c WHERE c.order_id = o.order_id) AS invoice_date
FROM simple AS o
