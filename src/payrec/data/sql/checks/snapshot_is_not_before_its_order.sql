-- No peeking: a snapshot is never older than the order, nor its last event younger than the snapshot.
SELECT order_id, as_of, known_at, last_event_at
FROM snapshots
WHERE known_at > as_of OR last_event_at > as_of
