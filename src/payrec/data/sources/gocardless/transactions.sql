-- One row is one obligation: a payment that is collected by direct debit.
-- Reads latest_payments; key order_id.
-- Amounts are text in major units; times are UTC.
SELECT
    id AS order_id,
    customer AS customer_id,
    'gocardless' AS provider,
    'direct_debit' AS payment_method,
    currency,
    amount,
    LEFT(created, 10) AS invoice_date,
    CAST(NULL AS VARCHAR) AS payment_date,
    charge_date AS due_date,
    CASE
        WHEN status IN ('confirmed', 'paid_out') THEN 'paid'
        WHEN status IN ('cancelled', 'customer_approval_denied') THEN 'void'
        WHEN status = 'charged_back' THEN 'charged_back'
        WHEN status = 'failed' THEN 'open'
        ELSE 'in_flight'
    END AS status
FROM latest_payments
ORDER BY id
