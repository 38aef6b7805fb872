-- An order has one balance at a time: each interval ends where the next begins.
SELECT o.order_id, a.from_at, COUNT(*) AS successors
FROM stg_balances AS a
JOIN stg_balances AS b ON b.order_no = a.order_no AND b.from_at = a.until_at
JOIN stg_orders AS o ON o.order_no = a.order_no
GROUP BY o.order_id, a.from_at
HAVING COUNT(*) > 1
