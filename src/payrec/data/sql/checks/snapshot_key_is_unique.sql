-- One row stays one row: (order_id, as_of) is unique in the snapshots.
SELECT o.order_id, s.as_of, COUNT(*) AS copies
FROM snapshots AS s
JOIN stg_orders AS o ON o.order_no = s.order_no
GROUP BY o.order_id, s.as_of
HAVING COUNT(*) > 1
