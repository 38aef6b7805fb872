-- One row per (order, as_of) at which the order was unpaid and could still be recovered.
-- Reads stg_orders, stg_balances, landmarks, as_of_dates, stg_observed. Key (order_id, as_of).
-- Units: as_of in UTC, age_days whole days since the order became known, outstanding_minor in hundredths at as_of.

CREATE TABLE snapshots AS
WITH asked AS (
    SELECT o.order_id, o.known_at + l.age_days * INTERVAL '1' DAY AS as_of, 1 AS is_landmark
    FROM stg_orders AS o
    CROSS JOIN landmarks AS l
    CROSS JOIN stg_observed AS u
    WHERE o.known_at + l.age_days * INTERVAL '1' DAY <= u.until
    UNION ALL
    -- a scoring time that is also a landmark of the order, and was asked above, stays one row
    SELECT o.order_id, d.as_of, 0
    FROM stg_orders AS o
    JOIN as_of_dates AS d ON o.known_at <= d.as_of
    CROSS JOIN stg_observed AS u
    WHERE d.as_of > u.until
       OR NOT EXISTS (SELECT 1 FROM landmarks AS l WHERE o.known_at + l.age_days * INTERVAL '1' DAY = d.as_of)
),
opened AS (
    SELECT a.order_id, a.as_of, a.is_landmark, b.outstanding_minor
    FROM asked AS a
    JOIN stg_balances AS b
      ON b.order_id = a.order_id AND b.from_at <= a.as_of AND (b.until_at IS NULL OR b.until_at > a.as_of) AND b.is_open = 1
)
SELECT
    s.order_id, s.as_of,
    o.customer_id, o.provider, o.country, o.currency,
    CAST(s.is_landmark AS SMALLINT) AS is_landmark,
    CAST(EXTRACT(DAY FROM (s.as_of - o.known_at)) AS INTEGER) AS age_days,
    o.known_at, o.amount_minor, s.outstanding_minor,
    -- the order's own state: the last event known at as_of
    COALESCE(e.last_reason_code, o.reason_at_creation) AS reason_code,
    e.event_type AS last_event_type,
    COALESCE(e.known_at, o.known_at) AS last_event_at,
    e.attempts, e.contacts, e.is_disputed, e.has_chargeback, e.is_written_off, e.promised_until
FROM opened AS s
JOIN stg_orders AS o ON o.order_id = s.order_id
LEFT JOIN stg_events AS e
  ON e.order_id = s.order_id AND e.known_at <= s.as_of AND (e.until_at IS NULL OR e.until_at > s.as_of);
