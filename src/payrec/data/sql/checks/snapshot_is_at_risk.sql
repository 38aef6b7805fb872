-- The population is what can still be recovered: each snapshot is of a positive amount of which more than 5 % is outstanding.
SELECT order_id, as_of, amount_minor, outstanding_minor
FROM snapshots
WHERE amount_minor <= 0 OR outstanding_minor * 20 <= amount_minor
