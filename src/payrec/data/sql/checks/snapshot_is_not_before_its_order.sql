-- No peeking: a snapshot is never older than the order, nor its last event younger than the snapshot.
SELECT o.order_id, s.as_of, o.known_at, s.last_event_at
FROM snapshots AS s
JOIN stg_orders AS o ON o.order_no = s.order_no
WHERE o.known_at > s.as_of OR s.last_event_at > s.as_of
