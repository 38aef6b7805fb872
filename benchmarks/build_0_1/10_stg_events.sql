-- One row per event: when it became known, and the state of its order from then until the next event of that order.
-- Reads raw_events. Key event_id; for one order the rows' [known_at, until_at) do not overlap.
-- Units: known_at, until_at, promised_until in UTC; counts are of events known so far, this one included.
-- Never NULL: known_at.
-- Rows of an order come from its own raw rows alone.

CREATE TABLE stg_events AS
WITH dated AS (
    SELECT
        event_id, order_id, event_type, reason_code, channel, amount,
        -- the one place that says when an event is known: when recorded; else when it happened; a bare date at its end
        CASE
            WHEN recorded_ts IS NOT NULL THEN recorded_ts
            WHEN event_ts = DATE_TRUNC('day', event_ts) THEN event_ts + INTERVAL '1' DAY
            ELSE event_ts
        END AS known_at,
        -- a promise carries its date as YYYY-MM-DD at the start of detail; any other text is no date
        CASE WHEN event_type = 'promise'
              AND TRANSLATE(SUBSTRING(detail, 1, 10), '123456789', '000000000') = '0000-00-00'
              AND SUBSTRING(detail, 1, 4) BETWEEN '1900' AND '9998'
              AND SUBSTRING(detail, 6, 2) BETWEEN '01' AND '12'
              AND SUBSTRING(detail, 9, 2) BETWEEN '01' AND '31'
            THEN CAST(SUBSTRING(detail, 1, 8) || '01' AS TIMESTAMP)
                 + (CAST(SUBSTRING(detail, 9, 2) AS INTEGER) - 1) * INTERVAL '1' DAY
        END AS promised_until
    FROM raw_events
),
-- two counts travel as one number, low + high * 1073741824 (2 to the 30th): a window costs by its sums, not by its rows
summed AS (
    SELECT
        event_id, order_id, event_type, reason_code, channel, amount, known_at, promised_until,
        LEAD(known_at) OVER ordered AS until_at,
        CAST(SUM(CASE event_type WHEN 'attempt' THEN 1 WHEN 'contact' THEN 1073741824 ELSE 0 END) OVER so_far AS BIGINT) AS tries,
        CAST(SUM(CASE event_type WHEN 'dispute_opened' THEN 1 WHEN 'dispute_closed' THEN 1073741824 ELSE 0 END) OVER so_far AS BIGINT) AS disputes,
        CAST(SUM(CASE event_type WHEN 'chargeback' THEN 1 WHEN 'write_off' THEN 1073741824 ELSE 0 END) OVER so_far AS BIGINT) AS losses,
        CAST(SUM(CASE WHEN reason_code IS NULL THEN 0 ELSE 1 END
            + CASE WHEN promised_until IS NULL THEN 0 ELSE 1073741824 END) OVER so_far AS BIGINT) AS carried
    FROM dated
    WINDOW ordered AS (PARTITION BY order_id ORDER BY known_at, event_id),
           so_far AS (PARTITION BY order_id ORDER BY known_at, event_id ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW)
),
counted AS (
    SELECT
        event_id, order_id, event_type, reason_code, channel, amount, known_at, promised_until, until_at,
        tries & 1073741823 AS attempts, tries >> 30 AS contacts,
        disputes & 1073741823 AS disputes_opened, disputes >> 30 AS disputes_closed,
        losses & 1073741823 AS chargebacks, losses >> 30 AS write_offs,
        carried & 1073741823 AS reason_no, carried >> 30 AS promise_no
    FROM summed
)
SELECT
    c.event_id, c.order_id, c.event_type, c.known_at, c.until_at, c.channel, c.amount,
    CAST(c.attempts AS INTEGER) AS attempts,
    CAST(c.contacts AS INTEGER) AS contacts,
    CAST(CASE WHEN c.disputes_opened > c.disputes_closed THEN 1 ELSE 0 END AS SMALLINT) AS is_disputed,
    CAST(CASE WHEN c.chargebacks > 0 THEN 1 ELSE 0 END AS SMALLINT) AS has_chargeback,
    CAST(CASE WHEN c.write_offs > 0 THEN 1 ELSE 0 END AS SMALLINT) AS is_written_off,
    -- carried forward: events with the same number share the one value that started it
    r.reason_code AS last_reason_code,
    p.promised_until
FROM counted AS c
LEFT JOIN counted AS r ON r.order_id = c.order_id AND r.reason_no = c.reason_no AND r.reason_code IS NOT NULL
LEFT JOIN counted AS p ON p.order_id = c.order_id AND p.promise_no = c.promise_no AND p.promised_until IS NOT NULL;
