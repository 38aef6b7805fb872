-- An order has one balance at a time: each interval ends where the next begins.
SELECT a.order_id, a.from_at, COUNT(*) AS successors
FROM stg_balances AS a
JOIN stg_balances AS b ON b.order_id = a.order_id AND b.from_at = a.until_at
GROUP BY a.order_id, a.from_at
HAVING COUNT(*) > 1
