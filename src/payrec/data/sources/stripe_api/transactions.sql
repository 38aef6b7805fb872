-- One row is one obligation: an invoice, else a payment intent, else a charge.
-- Reads obligations; key order_id.
-- Amounts become units of their currency; times are UTC.
SELECT
    order_id,
    customer_id,
    'stripe' AS provider,
    method AS payment_method,
    currency,
    IN_UNITS(amount, STRIPE_DIGITS(currency)) AS amount,
    country,
    billing_reason AS transaction_type,
    LEFT(created, 10) AS invoice_date,
    CAST(NULL AS VARCHAR) AS payment_date,
    LEFT(due, 10) AS due_date,
    CASE
        WHEN status IN ('void', 'uncollectible') THEN NULL
        ELSE IN_UNITS(amount_remaining, STRIPE_DIGITS(currency))
    END AS outstanding,
    status,
    known AS stated_at
FROM obligations
ORDER BY order_id
