-- One row per (order, as_of) at which the order was unpaid and could still be recovered.
-- Reads stg_orders, stg_balances, stg_events, raw_transactions, landmarks, landmarks_since, as_of_dates, stg_observed. Key (order_id, as_of).
-- Units: as_of in UTC, age_days whole days since clock_at (below 0 before the due date), outstanding_minor in hundredths at as_of.

CREATE TABLE snapshots AS
WITH bounds AS (
    SELECT s.since, s.since - l.oldest * INTERVAL '1' DAY AS clock_since
    FROM (SELECT COALESCE(MAX(since), TIMESTAMP '1900-01-01 00:00:00') AS since FROM landmarks_since) AS s
    CROSS JOIN (SELECT COALESCE(MAX(age_days), 0) AS oldest FROM landmarks) AS l
),
times AS (
    SELECT o.order_id, o.clock_at + l.age_days * INTERVAL '1' DAY AS as_of, 1 AS is_landmark
    FROM stg_orders AS o
    CROSS JOIN bounds AS b
    CROSS JOIN landmarks AS l
    CROSS JOIN stg_observed AS u
    WHERE o.clock_at >= b.clock_since  -- for speed: the others have no landmark since then
      AND o.clock_at + l.age_days * INTERVAL '1' DAY >= b.since
      AND o.clock_at + l.age_days * INTERVAL '1' DAY <= u.until
      AND o.clock_at + l.age_days * INTERVAL '1' DAY >= o.known_at
    UNION ALL
    -- a scoring time that is also a landmark of the order, and stands above, stays one row
    SELECT o.order_id, d.as_of, 0
    FROM stg_orders AS o
    JOIN as_of_dates AS d ON o.known_at <= d.as_of
    CROSS JOIN bounds AS b
    CROSS JOIN stg_observed AS u
    WHERE d.as_of > u.until OR d.as_of < b.since
       OR NOT EXISTS (SELECT 1 FROM landmarks AS l WHERE o.clock_at + l.age_days * INTERVAL '1' DAY = d.as_of)
),
opened AS (
    SELECT a.order_id, a.as_of, a.is_landmark, b.outstanding_minor
    FROM times AS a
    JOIN stg_balances AS b
      ON b.order_id = a.order_id AND b.from_at <= a.as_of AND (b.until_at IS NULL OR b.until_at > a.as_of) AND b.is_open = 1
),
-- what the export says of its day besides money
stated AS (
    SELECT
        t.order_id, GREATEST(COALESCE(t.stated_at, u.until), o.known_at) AS stated_at,
        CASE WHEN LOWER(t.status) = 'disputed' THEN 1 ELSE 0 END AS is_disputed,
        CASE WHEN LOWER(t.status) = 'in_flight' THEN 1 ELSE 0 END AS is_in_flight,
        CASE WHEN LOWER(t.status) = 'charged_back' OR t.chargeback_flag > 0 THEN 1 ELSE 0 END AS has_chargeback
    FROM raw_transactions AS t
    JOIN stg_orders AS o ON o.order_id = t.order_id
    CROSS JOIN stg_observed AS u
    WHERE LOWER(t.status) IN ('disputed', 'in_flight', 'charged_back') OR t.chargeback_flag > 0
)
SELECT
    s.order_id, s.as_of,
    o.customer_id, o.provider, o.country, o.currency,
    CAST(s.is_landmark AS SMALLINT) AS is_landmark,
    -- counted from far before, so that days below 0 are rounded down as well
    CAST(EXTRACT(DAY FROM (s.as_of - (o.clock_at - INTERVAL '36500' DAY))) AS INTEGER) - 36500 AS age_days,
    o.known_at, o.clock_at, o.amount_minor, s.outstanding_minor,
    -- the order's own state: the last event known at as_of
    COALESCE(e.last_reason_code, o.reason_at_creation) AS reason_code,
    e.event_type AS last_event_type,
    COALESCE(e.known_at, o.known_at) AS last_event_at,
    e.attempts, e.contacts,
    CAST(CASE WHEN t.is_disputed = 1 AND (e.dispute_at IS NULL OR e.dispute_at <= t.stated_at) THEN 1 ELSE e.is_disputed END AS SMALLINT) AS is_disputed,
    CAST(CASE WHEN t.has_chargeback = 1 THEN 1 ELSE e.has_chargeback END AS SMALLINT) AS has_chargeback,
    e.promised_until,
    CASE WHEN t.is_in_flight = 1 AND (e.moved_at IS NULL OR e.moved_at <= t.stated_at) THEN t.stated_at ELSE e.pending_since END AS pending_since,
    e.snoozed_until
FROM opened AS s
JOIN stg_orders AS o ON o.order_id = s.order_id
LEFT JOIN stg_events AS e
  ON e.order_id = s.order_id AND e.known_at <= s.as_of AND (e.until_at IS NULL OR e.until_at > s.as_of)
LEFT JOIN stated AS t ON t.order_id = s.order_id AND t.stated_at <= s.as_of;
