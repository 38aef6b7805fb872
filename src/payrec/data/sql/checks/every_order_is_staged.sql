-- No row is lost: every raw order is staged once.
SELECT t.order_id, COUNT(o.order_id) AS copies
FROM raw_transactions AS t
LEFT JOIN stg_orders AS o ON o.order_id = t.order_id
GROUP BY t.order_id
HAVING COUNT(o.order_id) <> 1
