-- One row is one dispute. An object has no time of its end; its evidence was due then.
-- Reads dispute; key id.
SELECT
    'dp_' || event_id AS id, 'dispute' AS object, minor(amount, currency) AS amount, 'ch_' || payment_id AS charge,
    epoch_s(event_ts) AS created, LOWER(currency) AS currency, 'fraudulent' AS reason,
    CASE WHEN is_lost THEN 'lost' WHEN closed IS NOT NULL THEN 'won' ELSE 'needs_response' END AS status,
    {'due_by': epoch_s(COALESCE(closed, event_ts + INTERVAL '14' DAY))} AS evidence_details, TRUE AS livemode
FROM dispute
ORDER BY event_ts, event_id
