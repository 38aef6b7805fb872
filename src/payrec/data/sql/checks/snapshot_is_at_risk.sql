-- The population is what can still be recovered: each snapshot is of a positive amount of which more than 5 % is outstanding.
SELECT o.order_id, s.as_of, o.amount_minor, s.outstanding_minor
FROM snapshots AS s
JOIN stg_orders AS o ON o.order_no = s.order_no
WHERE o.amount_minor <= 0 OR s.outstanding_minor * 20 <= o.amount_minor
