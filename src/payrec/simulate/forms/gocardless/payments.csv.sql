-- One row is one order as a payment by direct debit.
-- Reads simple, refund; key id.
SELECT
    'PM' || UPPER(o.order_id) AS id, second(o.invoice_date) AS created_at,
    STRFTIME(COALESCE(o.due_date, o.invoice_date), '%Y-%m-%d') AS charge_date, o.amount, o.currency,
    CASE
        WHEN o.state = 'void' THEN 'cancelled' WHEN o.order_id IN (SELECT order_id FROM events WHERE event_type = 'chargeback') THEN 'charged_back'
        WHEN o.paid_at IS NOT NULL THEN 'paid_out' ELSE 'failed'
    END AS status,
    COALESCE((SELECT SUM(r.amount) FROM refund AS r WHERE r.order_id = o.order_id), 0.00) AS amount_refunded,
    COALESCE(o.customer_id, o.email) AS "links.customer", o.email AS "customers.email", o.name AS "customers.company_name"
FROM simple AS o
ORDER BY o.order_id
