-- One row per event: when it became known, and the state of its order from then until the next event of that order.
-- Reads raw_events. Key (order_id, position); for one order the rows' [known_at, until_at) do not overlap.
-- Units: times in UTC; amount in units of currency; counts are of events known so far, this one included.
-- Never NULL: known_at, event_ts, event_id. position numbers an order's events from 1 as they became known.
-- Rows of an order come from its own raw rows alone.
-- Example, one order: attempt 51 (2 May), dispute_opened (4 May), dispute_closed (9 May), pending (12 May) give four rows;
-- from 12 May on attempts = 1, is_disputed = 0, last_reason_code = 51, pending_since = 12 May.

CREATE TABLE stg_events AS
WITH dated AS (
    SELECT
        event_id, order_id, reason_code, channel, amount, currency, event_ts,
        event_type,
        -- an attempt without a result yet is a debit in flight
        CASE WHEN event_type = 'attempt' AND LOWER(detail) IN ('processing', 'pending', 'submitted') THEN 1 ELSE 0 END AS is_unresolved,
        -- the only definition of the time at which an event is known: when recorded; else when it happened; a bare date at its end
        CASE
            WHEN recorded_ts IS NOT NULL THEN recorded_ts
            WHEN event_ts = DATE_TRUNC('day', event_ts) THEN event_ts + INTERVAL '1' DAY
            ELSE event_ts
        END AS known_at,
        -- a promise or snooze carries its date as YYYY-MM-DD at the start of detail; any other text is no date
        CASE WHEN event_type IN ('promise', 'snooze')
              AND TRANSLATE(SUBSTRING(detail, 1, 10), '123456789', '000000000') = '0000-00-00'
              AND SUBSTRING(detail, 1, 4) BETWEEN '1900' AND '9998'
              AND SUBSTRING(detail, 6, 2) BETWEEN '01' AND '12'
              AND SUBSTRING(detail, 9, 2) BETWEEN '01' AND '31'
            THEN CAST(SUBSTRING(detail, 1, 8) || '01' AS TIMESTAMP)
                 + (CAST(SUBSTRING(detail, 9, 2) AS INTEGER) - 1) * INTERVAL '1' DAY
        END AS held_until
    FROM raw_events
),
numbered AS (
    SELECT
        order_id, reason_code, channel, amount, currency, event_ts, event_type, is_unresolved, known_at, held_until,
        CAST(ROW_NUMBER() OVER ordered AS BIGINT) AS position,
        LEAD(known_at) OVER ordered AS until_at
    FROM dated
    WINDOW ordered AS (PARTITION BY order_id ORDER BY known_at, event_ts, event_id)
),
-- Two numbers travel as one, low + high * 2 to the power of a fixed shift: a window costs by its sums, not by its rows.
-- The newest value of a kind is the largest position * 4194304 (2 to the 22nd) + value; a date is days since 1900.
summed AS (
    SELECT
        order_id, reason_code, channel, amount, currency, event_ts, event_type, known_at, position, until_at,
        CAST(SUM(CASE event_type WHEN 'attempt' THEN 1 WHEN 'contact' THEN 1073741824 ELSE 0 END) OVER so_far AS BIGINT) AS tries,
        CAST(SUM(CASE WHEN reason_code IS NULL THEN 0 ELSE 1 END + CASE event_type WHEN 'chargeback' THEN 1073741824 ELSE 0 END)
            OVER so_far AS BIGINT) AS reasons,
        MAX(CASE event_type WHEN 'dispute_opened' THEN position * 2 + 1 WHEN 'dispute_closed' THEN position * 2 END) OVER so_far AS dispute,
        MAX(CASE WHEN event_type IN ('dispute_opened', 'dispute_closed') THEN known_at END) OVER so_far AS dispute_at,
        MAX(CASE WHEN event_type = 'pending' OR is_unresolved = 1 THEN position * 2 + 1
                 WHEN event_type IN ('attempt', 'payment', 'void', 'return', 'chargeback') THEN position * 2 END) OVER so_far AS move,
        MAX(CASE WHEN event_type IN ('pending', 'attempt', 'payment', 'void', 'return', 'chargeback') THEN known_at END) OVER so_far AS moved_at,
        MAX(CASE WHEN event_type = 'promise'
                 THEN position * 4194304 + CAST(EXTRACT(DAY FROM (held_until - TIMESTAMP '1900-01-01 00:00:00')) AS INTEGER) END) OVER so_far AS promise,
        MAX(CASE WHEN event_type = 'snooze'
                 THEN position * 4194304 + CAST(EXTRACT(DAY FROM (held_until - TIMESTAMP '1900-01-01 00:00:00')) AS INTEGER) END) OVER so_far AS snooze
    FROM numbered
    WINDOW so_far AS (PARTITION BY order_id ORDER BY position ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW)
)
SELECT
    c.order_id, c.position, c.event_type, c.event_ts, c.known_at, c.until_at, c.channel, c.amount, c.currency,
    CAST(c.tries & 1073741823 AS INTEGER) AS attempts,
    CAST(c.tries >> 30 AS INTEGER) AS contacts,
    CAST(CASE WHEN c.dispute & 1 = 1 THEN 1 ELSE 0 END AS SMALLINT) AS is_disputed,
    c.dispute_at,
    CAST(CASE WHEN c.reasons >> 30 > 0 THEN 1 ELSE 0 END AS SMALLINT) AS has_chargeback,
    -- carried forward: events with the same number share the one value that started it
    r.reason_code AS last_reason_code,
    CASE WHEN c.move & 1 = 1 THEN c.moved_at END AS pending_since,
    c.moved_at,
    TIMESTAMP '1900-01-01 00:00:00' + CAST(c.promise & 4194303 AS INTEGER) * INTERVAL '1' DAY AS promised_until,
    TIMESTAMP '1900-01-01 00:00:00' + CAST(c.snooze & 4194303 AS INTEGER) * INTERVAL '1' DAY AS snoozed_until
FROM summed AS c
LEFT JOIN summed AS r ON r.order_id = c.order_id AND r.reasons & 1073741823 = c.reasons & 1073741823 AND r.reason_code IS NOT NULL;
