-- One row is one line of a payment: its invoice, or a credit memo that it uses.
-- Reads charge; key payment_id and index.
SELECT event_id AS payment_id, 0 AS index, order_id AS invoice_id, NULL AS credit_memo_id, amount
FROM charge
WHERE is_paid
UNION ALL
SELECT event_id, 1, NULL, 'cm' || event_id, LEAST(amount, 1.00)
FROM charge
WHERE is_paid AND event_id[-1] IN ('0', '5')
ORDER BY payment_id, index
