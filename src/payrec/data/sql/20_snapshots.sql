-- One row per (order, as_of) at which the order was unpaid and could still be recovered, with the order's own state by then.
-- Reads stg_orders, stg_balances, stg_events, raw_transactions, landmarks, landmarks_since, sample_share, sampled_orders, as_of_dates, stg_observed. Key (order_no, as_of).
-- Units: as_of in UTC, age_days whole days since clock_at (below 0 before the due date), outstanding_minor in hundredths at as_of.
-- Example: an order of 2 May, with a dispute opened on 4 May (position 2) and closed on 9 May (position 3), all at 12:00. At age 3,
-- 5 May 00:00, MAX(position * 2 + dispute) is 2 * 2 + 1 = 5, odd: disputed. At age 7, 10 May, it is 3 * 2 + 0 = 6, even: not.

CREATE TABLE snapshots AS
WITH bounds AS (
    SELECT
        s.since, s.since - l.oldest * INTERVAL '1' DAY AS clock_since, u.until,
        (SELECT COUNT(*) FROM sample_share) AS is_sample
    FROM (SELECT COALESCE(MAX(since), TIMESTAMP '1900-01-01 00:00:00') AS since FROM landmarks_since) AS s
    CROSS JOIN (SELECT COALESCE(MAX(age_days), 0) AS oldest FROM landmarks) AS l
    CROSS JOIN stg_observed AS u
),
aged AS (
    SELECT b.order_no, b.from_at, b.until_at, b.outstanding_minor, o.clock_at + l.age_days * INTERVAL '1' DAY AS as_of, x.since, x.until
    FROM stg_balances AS b
    JOIN stg_orders AS o ON o.order_no = b.order_no
    CROSS JOIN landmarks AS l
    CROSS JOIN bounds AS x
    LEFT JOIN sampled_orders AS d ON d.order_no = b.order_no
    WHERE b.is_open = 1
      AND o.clock_at >= x.clock_since  -- for speed: the others have no landmark since then
      -- of an order that is not drawn, a landmark that is also a scoring time stays
      AND (x.is_sample = 0 OR d.order_no IS NOT NULL OR o.clock_at + l.age_days * INTERVAL '1' DAY IN (SELECT as_of FROM as_of_dates))
),
opened AS (
    SELECT order_no, as_of, 1 AS is_landmark, outstanding_minor
    FROM aged
    WHERE as_of >= from_at AND (until_at IS NULL OR as_of < until_at) AND as_of >= since AND as_of <= until
    UNION ALL
    -- a scoring time that is also a landmark of the order, and stands above, stays one row
    SELECT b.order_no, d.as_of, 0, b.outstanding_minor
    FROM stg_balances AS b
    JOIN as_of_dates AS d ON b.from_at <= d.as_of AND (b.until_at IS NULL OR b.until_at > d.as_of)
    JOIN stg_orders AS o ON o.order_no = b.order_no
    CROSS JOIN bounds AS x
    WHERE b.is_open = 1
      AND (d.as_of > x.until OR d.as_of < x.since
           OR NOT EXISTS (SELECT 1 FROM landmarks AS l WHERE o.clock_at + l.age_days * INTERVAL '1' DAY = d.as_of))
),
-- Of each kind of value the newest, as the largest position * (a power of 2) + value; two counts travel as one number, attempts +
-- contacts * 1073741824 (2 to the 30th).
states AS (
    SELECT
        s.order_no, s.as_of, MAX(s.is_landmark) AS is_landmark, MAX(s.outstanding_minor) AS outstanding_minor,
        MAX(e.known_at) AS last_event_at,
        MAX(e.position * 16 + e.kind) AS last_kind,
        MAX(e.position * 2147483648 + e.reason_no) AS last_reason,
        CAST(SUM(CASE e.kind WHEN 1 THEN 1 WHEN 7 THEN 1073741824 ELSE 0 END) AS BIGINT) AS tries,
        MAX(e.position * 2 + e.dispute) AS dispute,
        MAX(CASE WHEN e.dispute IS NOT NULL THEN e.known_at END) AS dispute_at,
        MAX(CASE WHEN e.kind = 4 THEN 1 ELSE 0 END) AS has_chargeback,
        MAX(e.position * 2 + e.in_flight) AS move,
        MAX(CASE WHEN e.in_flight IS NOT NULL THEN e.known_at END) AS moved_at,
        MAX(e.position * 4194304 + e.promised_day) AS promise,
        MAX(e.position * 4194304 + e.snoozed_day) AS snooze
    FROM opened AS s
    LEFT JOIN stg_events AS e ON e.order_no = s.order_no AND e.known_at <= s.as_of
    GROUP BY s.order_no, s.as_of
),
-- what the export says of its day besides money
stated AS (
    SELECT
        o.order_no, GREATEST(COALESCE(t.stated_at, u.until), o.known_at) AS stated_at,
        CASE WHEN LOWER(t.status) = 'disputed' THEN 1 ELSE 0 END AS is_disputed,
        CASE WHEN LOWER(t.status) = 'in_flight' THEN 1 ELSE 0 END AS is_in_flight,
        CASE WHEN LOWER(t.status) = 'charged_back' OR t.chargeback_flag > 0 THEN 1 ELSE 0 END AS has_chargeback
    FROM raw_transactions AS t
    JOIN stg_orders AS o ON o.order_id = t.order_id
    CROSS JOIN stg_observed AS u
    WHERE LOWER(t.status) IN ('disputed', 'in_flight', 'charged_back') OR t.chargeback_flag > 0
),
event_log AS (
    SELECT MIN(known_at) AS begins_at FROM stg_events
)
SELECT
    s.order_no, s.as_of, o.customer_no, o.account_no,
    CAST(s.is_landmark AS SMALLINT) AS is_landmark,
    -- counted from far before, so that days below 0 are rounded down as well
    CAST(EXTRACT(DAY FROM (s.as_of - (o.clock_at - INTERVAL '36500' DAY))) AS INTEGER) - 36500 AS age_days,
    s.outstanding_minor,
    COALESCE(CAST(s.last_reason & 2147483647 AS INTEGER), o.reason_no_at_creation) AS reason_no,
    CAST(s.last_kind & 15 AS SMALLINT) AS last_kind,
    COALESCE(s.last_event_at, o.known_at) AS last_event_at,
    -- not known before the log of events begins
    CASE WHEN l.begins_at <= s.as_of THEN CAST(s.tries & 1073741823 AS INTEGER) END AS attempts,
    CASE WHEN l.begins_at <= s.as_of THEN CAST(s.tries >> 30 AS INTEGER) END AS contacts,
    CAST(CASE WHEN t.is_disputed = 1 AND (s.dispute_at IS NULL OR s.dispute_at <= t.stated_at) THEN 1
              WHEN s.dispute & 1 = 1 THEN 1 ELSE 0 END AS SMALLINT) AS is_disputed,
    CAST(CASE WHEN t.has_chargeback = 1 THEN 1 ELSE s.has_chargeback END AS SMALLINT) AS has_chargeback,
    TIMESTAMP '1900-01-01 00:00:00' + CAST(s.promise & 4194303 AS INTEGER) * INTERVAL '1' DAY AS promised_until,
    CASE WHEN t.is_in_flight = 1 AND (s.moved_at IS NULL OR s.moved_at <= t.stated_at) THEN t.stated_at
         WHEN s.move & 1 = 1 THEN s.moved_at END AS pending_since,
    TIMESTAMP '1900-01-01 00:00:00' + CAST(s.snooze & 4194303 AS INTEGER) * INTERVAL '1' DAY AS snoozed_until
FROM states AS s
JOIN stg_orders AS o ON o.order_no = s.order_no
CROSS JOIN event_log AS l
LEFT JOIN stated AS t ON t.order_no = s.order_no AND t.stated_at <= s.as_of
ORDER BY s.order_no, s.as_of;  -- for speed: what follows joins on order_no
