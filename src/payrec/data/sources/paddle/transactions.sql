-- One row is one obligation: a transaction of Paddle.
-- Reads latest_billed; key order_id.
-- Amounts become units of their currency; times are UTC.
SELECT
    id AS order_id,
    COALESCE(customer, 'guest-' || id) AS customer_id,
    'paddle' AS provider,
    collection AS payment_method,
    currency,
    IN_UNITS(total, ISO_DIGITS(currency)) AS amount,
    origin AS transaction_type,
    LEFT(COALESCE(issued, created), 10) AS invoice_date,
    CAST(NULL AS VARCHAR) AS payment_date,
    CASE WHEN status <> 'canceled' THEN IN_UNITS(balance, ISO_DIGITS(currency)) END AS outstanding,
    CASE
        WHEN status IN ('paid', 'completed') THEN 'paid'
        WHEN status = 'canceled' THEN 'void'
        ELSE 'open'
    END AS status,
    recorded AS stated_at
FROM latest_billed
ORDER BY id
