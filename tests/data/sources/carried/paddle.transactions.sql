SELECT
    'txn_' || order_id AS order_id, 'ctm_' || COALESCE(customer_id, email) AS customer_id, 'paddle' AS provider,
    'automatic' AS payment_method, currency, amount, 'subscription_recurring' AS transaction_type, invoice_date,
    CASE WHEN state <> 'void' THEN outstanding END AS outstanding,
    CASE WHEN state IN ('void', 'paid') THEN state ELSE 'open' END AS status
FROM obligation
