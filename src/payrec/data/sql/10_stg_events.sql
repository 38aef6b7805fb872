-- One row per event: when it became known, and its position among its order's events.
-- Reads raw_events, order_numbers, reason_numbers, channel_numbers, currency_numbers, event_types. Key (order_no, position).
-- Units: times in UTC; amount in units of its currency; promised_day and snoozed_day count from 1900-01-01; kind is a number of event_types.
-- Never NULL: known_at, event_ts, event_id. position numbers an order's events from 1 as they became known.
-- Rows of an order come from its own raw rows alone.
-- Example, one order: attempt 51 (2 May), dispute_opened (4 May), dispute_closed (9 May), pending (12 May) are positions 1 to 4;
-- dispute is 1 in row 2 and 0 in row 3, in_flight 0 in row 1 and 1 in row 4: at any time, the last row that has a value holds.

CREATE TABLE stg_events AS
WITH dated AS (
    SELECT
        n.order_no, e.event_id, e.event_type, t.kind, e.event_ts, r.reason_no, c.channel_no, e.amount, m.currency_no, e.detail,
        -- the only definition of the time at which an event is known: when recorded; else when it happened; a bare date at its end
        CASE
            WHEN e.recorded_ts IS NOT NULL THEN e.recorded_ts
            WHEN e.event_ts = DATE_TRUNC('day', e.event_ts) THEN e.event_ts + INTERVAL '1' DAY
            ELSE e.event_ts
        END AS known_at
    FROM raw_events AS e
    JOIN order_numbers AS n ON n.order_id = e.order_id
    LEFT JOIN event_types AS t ON t.event_type = e.event_type
    LEFT JOIN reason_numbers AS r ON r.reason_code = e.reason_code
    LEFT JOIN channel_numbers AS c ON c.channel = e.channel
    LEFT JOIN currency_numbers AS m ON m.currency = e.currency
),
held AS (
    SELECT
        order_no, event_id, kind, event_ts, reason_no, channel_no, amount, currency_no, known_at,
        CASE event_type WHEN 'dispute_opened' THEN 1 WHEN 'dispute_closed' THEN 0 END AS dispute,
        -- an attempt without a result yet is a debit in flight
        CASE WHEN event_type = 'pending' THEN 1
             WHEN event_type = 'attempt' AND LOWER(detail) IN ('processing', 'pending', 'submitted') THEN 1
             WHEN event_type IN ('attempt', 'payment', 'void', 'return', 'chargeback') THEN 0 END AS in_flight,
        -- a promise or snooze carries its date as YYYY-MM-DD at the start of detail; any other text is no date
        CASE WHEN event_type IN ('promise', 'snooze')
              AND TRANSLATE(SUBSTRING(detail, 1, 10), '123456789', '000000000') = '0000-00-00'
              AND SUBSTRING(detail, 1, 4) BETWEEN '1900' AND '9998'
              AND SUBSTRING(detail, 6, 2) BETWEEN '01' AND '12'
              AND SUBSTRING(detail, 9, 2) BETWEEN '01' AND '31'
            THEN CAST(SUBSTRING(detail, 1, 8) || '01' AS TIMESTAMP)
                 + (CAST(SUBSTRING(detail, 9, 2) AS INTEGER) - 1) * INTERVAL '1' DAY
        END AS held_until
    FROM dated
)
-- no text but event_id goes through the sort, since a window carries every column that is read after it
SELECT
    order_no, CAST(ROW_NUMBER() OVER (PARTITION BY order_no ORDER BY known_at, event_ts, event_id) AS BIGINT) AS position,
    kind, event_ts, known_at, reason_no, channel_no, amount, currency_no,
    CAST(dispute AS SMALLINT) AS dispute,
    CAST(in_flight AS SMALLINT) AS in_flight,
    CASE WHEN kind = 8 THEN CAST(EXTRACT(DAY FROM (held_until - TIMESTAMP '1900-01-01 00:00:00')) AS INTEGER) END AS promised_day,
    CASE WHEN kind = 15 THEN CAST(EXTRACT(DAY FROM (held_until - TIMESTAMP '1900-01-01 00:00:00')) AS INTEGER) END AS snoozed_day
FROM held;
