-- One row stays one row: (order_id, as_of) is unique in the snapshots.
SELECT order_id, as_of, COUNT(*) AS copies FROM snapshots GROUP BY order_id, as_of HAVING COUNT(*) > 1
