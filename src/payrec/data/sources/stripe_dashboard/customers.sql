-- One row is one customer: the name and e-mail address of the newest obligation that has them.
-- Reads obligations; key customer_id. The name is that of the invoices, else that on the card.
SELECT
    customer_id, COALESCE(MAX_BY(customer_name, (created, order_id)), MAX_BY(card_name, (created, order_id))) AS name,
    MAX_BY(email, (created, order_id)) AS email
FROM obligations
GROUP BY customer_id
HAVING name IS NOT NULL OR email IS NOT NULL
ORDER BY customer_id
