-- One row per (order, time of dated facts about its money): what they changed, and the sums so far.
-- Reads stg_orders, stg_events, event_types, currency_numbers, raw_transactions, payment_source, fx_rates, reporting_currency. Key (order_no, from_at); [from_at, until_at) do not overlap.
-- Units: _minor in hundredths of the order's currency; net_minor is paid less taken back, and may fall below 0; nth counts from 1, the opening.
-- Never NULL: from_at, rate_date.
-- Rows of an order come from its own raw rows alone.
-- kept_apart: cash that is never unapplied, since it was a payment of the whole, or refunded. marks: voids + 1073741824 (2 to the 30th)
-- for each time that money was taken back, two counts in one number, since running sums are what this file costs.
-- Example, one order of 100.00: payment 60.00, credit 10.00, return 60.00: net_minor 0, 6000, 6000, 0; credits_minor 0, 0, 1000, 1000;
-- marks_so_far 0, 0, 0, 1073741824.

CREATE TABLE stg_money AS
WITH settings AS (
    SELECT
        (SELECT COUNT(*) FROM payment_source WHERE source = 'events') AS payments_are_events,
        (SELECT MAX(currency) FROM reporting_currency) AS reporting_currency
),
-- hundred-millionths of the reporting currency for one unit of a currency
rates AS (
    SELECT
        currency, CAST(ROUND(rate_to_reporting * 100000000) AS DECIMAL(19, 0)) AS rate, CAST(rate_date AS TIMESTAMP) AS from_at,
        CAST(LEAD(rate_date) OVER (PARTITION BY currency ORDER BY rate_date) AS TIMESTAMP) AS until_at
    FROM fx_rates
    WHERE rate_to_reporting > 0 AND currency IS DISTINCT FROM (SELECT reporting_currency FROM settings)
    UNION ALL
    SELECT reporting_currency, CAST(100000000 AS DECIMAL(19, 0)), TIMESTAMP '1900-01-01 00:00:00', CAST(NULL AS TIMESTAMP)
    FROM settings
    WHERE reporting_currency IS NOT NULL
),
orders AS (
    SELECT o.order_no, o.currency, o.amount_minor, o.known_at, t.payment_date
    FROM raw_transactions AS t
    JOIN stg_orders AS o ON o.order_id = t.order_id
    WHERE o.amount_minor > 0 AND o.succeeded_at_creation = 0
),
money_events AS (
    SELECT e.order_no, t.event_type, e.event_ts, e.known_at, e.amount, m.currency
    FROM stg_events AS e
    JOIN event_types AS t ON t.kind = e.kind
    LEFT JOIN currency_numbers AS m ON m.currency_no = e.currency_no
    WHERE t.event_type IN ('payment', 'credit', 'refund', 'chargeback', 'return', 'void', 'write_off')
),
-- money in another currency counts by the newest rates, of both currencies, of its day or before; without one it does not count,
-- and a check finds it
priced AS (
    SELECT
        e.order_no, e.event_type,
        GREATEST(e.known_at, o.known_at) AS from_at,
        CASE WHEN e.amount IS NULL AND e.event_type IN ('payment', 'write_off') THEN 1 ELSE 0 END AS is_whole,
        -- GREATEST leaves NULL out: without an amount, or a rate, an event moves no money
        GREATEST(CASE WHEN e.amount IS NULL AND e.event_type IN ('payment', 'write_off') THEN o.amount_minor
             WHEN e.currency IS NULL OR e.currency = o.currency THEN CAST(ROUND(e.amount * 100) AS BIGINT)
        END, 0) AS same_minor,
        CASE WHEN e.currency <> o.currency AND e.amount > 0 THEN CAST(CAST(ROUND(e.amount * 100) AS BIGINT) AS DECIMAL(19, 0)) * r.rate END AS worth,
        q.rate AS order_rate
    FROM money_events AS e
    JOIN orders AS o ON o.order_no = e.order_no
    CROSS JOIN settings AS s
    LEFT JOIN rates AS r ON r.currency = CASE WHEN e.currency <> o.currency THEN e.currency END
        AND r.from_at <= e.event_ts AND (r.until_at IS NULL OR r.until_at > e.event_ts)
    LEFT JOIN rates AS q ON q.currency = CASE WHEN e.currency <> o.currency THEN o.currency END
        AND q.from_at <= e.event_ts AND (q.until_at IS NULL OR q.until_at > e.event_ts)
    -- a payment event is never passed over: without a payment_date it counts in any case
    WHERE e.event_type <> 'payment' OR s.payments_are_events > 0 OR o.payment_date IS NULL
),
-- whole hundredths, half up: twice the worth plus one divisor, less its remainder, divides without one
counted AS (
    SELECT
        order_no, event_type, from_at, is_whole,
        GREATEST(same_minor, CAST(ROUND((dividend - MOD(dividend, divisor)) / divisor) AS BIGINT), 0) AS minor
    FROM (SELECT order_no, event_type, from_at, is_whole, same_minor, worth + worth + order_rate AS dividend, order_rate + order_rate AS divisor FROM priced) AS p
),
facts AS (
    SELECT
        order_no, from_at,
        CASE WHEN event_type = 'payment' THEN minor WHEN event_type IN ('return', 'chargeback') THEN -minor ELSE 0 END AS cash_change,
        CASE WHEN event_type = 'credit' THEN minor ELSE 0 END AS credited,
        CASE WHEN event_type = 'write_off' THEN minor ELSE 0 END AS written_off,
        CASE WHEN event_type = 'refund' OR (event_type = 'payment' AND is_whole = 1) THEN minor ELSE 0 END AS kept_apart,
        CASE WHEN event_type = 'void' THEN 1 WHEN event_type IN ('return', 'chargeback') THEN 1073741824 ELSE 0 END AS marks
    FROM counted
    UNION ALL
    SELECT o.order_no, GREATEST(CAST(o.payment_date AS TIMESTAMP) + INTERVAL '1' DAY, o.known_at), o.amount_minor, 0, 0, o.amount_minor, 0
    FROM orders AS o
    CROSS JOIN settings AS s
    WHERE o.payment_date IS NOT NULL AND s.payments_are_events = 0
    UNION ALL
    SELECT order_no, known_at, 0, 0, 0, 0, 0
    FROM orders
),
moments AS (
    SELECT
        order_no, from_at,
        CAST(SUM(cash_change) AS BIGINT) AS cash_change, CAST(SUM(credited) AS BIGINT) AS credited,
        CAST(SUM(written_off) AS BIGINT) AS written_off, CAST(SUM(kept_apart) AS BIGINT) AS kept_apart, CAST(SUM(marks) AS BIGINT) AS marks
    FROM facts
    GROUP BY order_no, from_at
)
SELECT
    order_no, from_at, LEAD(from_at) OVER (PARTITION BY order_no ORDER BY from_at) AS until_at,
    CAST(ROW_NUMBER() OVER (PARTITION BY order_no ORDER BY from_at) AS BIGINT) AS nth,
    cash_change, credited, written_off, marks,
    CAST(SUM(cash_change) OVER so_far AS BIGINT) AS net_minor,
    CAST(SUM(credited) OVER so_far AS BIGINT) AS credits_minor,
    CAST(SUM(written_off) OVER so_far AS BIGINT) AS written_off_minor,
    CAST(SUM(kept_apart) OVER so_far AS BIGINT) AS kept_apart_minor,
    CAST(SUM(marks) OVER so_far AS BIGINT) AS marks_so_far
FROM moments
WINDOW so_far AS (PARTITION BY order_no ORDER BY from_at ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW);
