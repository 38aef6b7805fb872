-- One row is one link from an invoice to its payment intent, of the orders in the form from 2025-03-31 on.
-- Reads obligation; key id.
SELECT
    'inpay_' || order_id AS id, 'invoice_payment' AS object, stripe_id AS invoice,
    {'type': 'payment_intent', 'payment_intent': 'pi_' || order_id} AS payment, TRUE AS livemode
FROM obligation
WHERE NOT is_direct AND order_id[-1] NOT IN ('0', '2', '4', '6', '8')
ORDER BY order_id
