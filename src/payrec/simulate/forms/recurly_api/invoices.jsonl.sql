-- One row is one order as a charge invoice.
-- Reads obligation; key id.
SELECT
    'i' || order_id AS id, 'invoice' AS object, order_id AS number,
    {'id': 'a' || COALESCE(customer_id, email), 'code': COALESCE(customer_id, email)} AS account,
    second(invoice_date) || 'Z' AS created_at, second(due_date) || 'Z' AS due_at,
    second(COALESCE(voided, paid_at)) || 'Z' AS closed_at,
    CASE state WHEN 'void' THEN 'voided' WHEN 'uncollectible' THEN 'failed' WHEN 'paid' THEN 'paid' ELSE 'past_due' END AS state,
    'charge' AS type, currency, amount AS total, outstanding AS balance
FROM obligation
ORDER BY order_id
