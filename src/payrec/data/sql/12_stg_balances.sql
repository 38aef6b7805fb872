-- One row per (order that was ever open or holds unapplied cash, time from which a balance holds): what is owed, and what closed it.
-- Reads stg_orders, stg_events, raw_transactions, payment_source, stg_observed, fx_rates, reporting_currency. Key (order_no, from_at); [from_at, until_at) do not overlap.
-- Units: _minor in hundredths of the order's currency; open = more than 5 % of the amount is left.
-- Never NULL: from_at, step, rate_date.
-- Rows of an order come from its own raw rows alone.
-- Example, one order of 100.00: payment 60.00, credit 10.00, return 60.00, void. Outstanding 40.00, 30.00, 90.00, 0.00; cash 60.00,
-- 60.00, 0.00, 0.00; closed by the void, so it gets no label. docs/meaning.md says why.

CREATE TABLE stg_balances AS
WITH settings AS (
    SELECT
        (SELECT COUNT(*) FROM payment_source WHERE source = 'events') AS payments_are_events,
        (SELECT MAX(currency) FROM reporting_currency) AS reporting_currency,
        (SELECT MAX(until) FROM stg_observed) AS observed_until
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
-- money in another currency counts by the newest rates, of both currencies, of its day or before; without one it does not count,
-- and a check finds it
priced AS (
    SELECT
        e.order_no, e.event_type, o.amount_minor,
        GREATEST(e.known_at, o.known_at) AS from_at,
        CASE WHEN e.amount IS NULL AND e.event_type IN ('payment', 'write_off') THEN 1 ELSE 0 END AS is_whole,
        -- GREATEST leaves NULL out: without an amount, or a rate, an event moves no money
        GREATEST(CASE WHEN e.amount IS NULL AND e.event_type IN ('payment', 'write_off') THEN o.amount_minor
             WHEN e.currency IS NULL OR e.currency = o.currency THEN CAST(ROUND(e.amount * 100) AS BIGINT)
        END, 0) AS same_minor,
        CASE WHEN e.currency <> o.currency AND e.amount > 0 THEN CAST(CAST(ROUND(e.amount * 100) AS BIGINT) AS DECIMAL(19, 0)) * r.rate END AS worth,
        q.rate AS order_rate
    FROM stg_events AS e
    JOIN stg_orders AS o ON o.order_no = e.order_no
    JOIN raw_transactions AS t ON t.order_id = o.order_id
    CROSS JOIN settings AS s
    LEFT JOIN rates AS r ON r.currency = CASE WHEN e.currency <> o.currency THEN e.currency END
        AND r.from_at <= e.event_ts AND (r.until_at IS NULL OR r.until_at > e.event_ts)
    LEFT JOIN rates AS q ON q.currency = CASE WHEN e.currency <> o.currency THEN o.currency END
        AND q.from_at <= e.event_ts AND (q.until_at IS NULL OR q.until_at > e.event_ts)
    WHERE o.amount_minor > 0 AND o.succeeded_at_creation = 0
      AND (e.event_type IN ('credit', 'refund', 'chargeback', 'return', 'void', 'write_off')
           -- a payment event is never passed over: without a payment_date it counts in any case
           OR (e.event_type = 'payment' AND (s.payments_are_events > 0 OR t.payment_date IS NULL)))
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
        CASE WHEN event_type = 'payment' THEN minor ELSE 0 END AS paid,
        CASE WHEN event_type IN ('return', 'chargeback') THEN minor ELSE 0 END AS taken_back,
        CASE WHEN event_type = 'credit' THEN minor ELSE 0 END AS credited,
        CASE WHEN event_type = 'write_off' THEN minor ELSE 0 END AS written_off,
        CASE WHEN event_type = 'refund' THEN minor ELSE 0 END AS refunded,
        CASE WHEN event_type = 'payment' AND is_whole = 1 THEN minor ELSE 0 END AS paid_whole,
        CASE WHEN event_type = 'void' THEN 1 ELSE 0 END AS voids,
        CASE WHEN event_type IN ('return', 'chargeback') THEN 1 ELSE 0 END AS takings
    FROM counted
    UNION ALL
    SELECT o.order_no, GREATEST(CAST(t.payment_date AS TIMESTAMP) + INTERVAL '1' DAY, o.known_at), o.amount_minor, 0, 0, 0, 0, o.amount_minor, 0, 0
    FROM raw_transactions AS t
    JOIN stg_orders AS o ON o.order_id = t.order_id
    CROSS JOIN settings AS s
    WHERE t.payment_date IS NOT NULL AND s.payments_are_events = 0 AND o.amount_minor > 0 AND o.succeeded_at_creation = 0
    UNION ALL
    SELECT order_no, known_at, 0, 0, 0, 0, 0, 0, 0, 0
    FROM stg_orders
    WHERE amount_minor > 0 AND succeeded_at_creation = 0
),
-- what the export says on its day; it comes after (step 1) the dated facts (step 0) of the same moment
claims AS (
    SELECT
        o.order_no, GREATEST(COALESCE(t.stated_at, s.observed_until), o.known_at) AS from_at,
        CASE WHEN t.stated_at IS NULL THEN 1 ELSE 0 END AS is_undated,
        CASE WHEN LOWER(t.status) IN ('void', 'draft') THEN 1 ELSE 0 END AS voids,
        CASE WHEN LOWER(t.status) = 'written_off' THEN o.amount_minor ELSE 0 END AS written_off,
        CASE WHEN LOWER(t.status) IN ('paid', 'refunded') THEN 0
             WHEN t.outstanding IS NOT NULL THEN GREATEST(CAST(ROUND(t.outstanding * 100) AS BIGINT), 0) END AS stated_minor,
        -- a last result says that the order was paid, unless money was taken back before
        CASE WHEN LOWER(t.status) IN ('open', 'part_paid') THEN 0
             WHEN LOWER(t.result_status) IN ('success', 'succeeded', 'successful', 'approved', 'captured', 'paid') THEN 1
             WHEN t.payment_date IS NOT NULL AND s.payments_are_events > 0 THEN 1
             ELSE 0 END AS seems_paid
    FROM raw_transactions AS t
    JOIN stg_orders AS o ON o.order_id = t.order_id
    CROSS JOIN settings AS s
    WHERE o.amount_minor > 0 AND o.succeeded_at_creation = 0
),
moments AS (
    SELECT
        order_no, from_at, 0 AS step, 0 AS is_undated, CAST(NULL AS BIGINT) AS stated_minor, 0 AS seems_paid,
        CAST(SUM(paid - taken_back) AS BIGINT) AS cash_change,
        CAST(SUM(credited) AS BIGINT) AS credited, CAST(SUM(written_off) AS BIGINT) AS written_off, CAST(SUM(refunded) AS BIGINT) AS refunded,
        CAST(SUM(paid_whole) AS BIGINT) AS uncounted, CAST(SUM(voids) AS BIGINT) AS voids, CAST(SUM(takings) AS BIGINT) AS takings
    FROM facts
    GROUP BY order_no, from_at
    UNION ALL
    SELECT order_no, from_at, 1, is_undated, stated_minor, seems_paid, 0, 0, written_off, 0, 0, voids, 0
    FROM claims
    WHERE voids > 0 OR written_off > 0 OR stated_minor IS NOT NULL OR seems_paid = 1
),
sums AS (
    SELECT
        order_no, from_at, step, is_undated, stated_minor, seems_paid, cash_change, credited, uncounted,
        CAST(SUM(cash_change) OVER so_far AS BIGINT) AS net_minor,
        CAST(SUM(credited) OVER so_far AS BIGINT) AS credits_minor,
        CAST(SUM(written_off) OVER so_far AS BIGINT) AS written_off_minor,
        CAST(SUM(refunded) OVER so_far AS BIGINT) AS refunds_minor,
        CAST(SUM(voids) OVER so_far AS BIGINT) AS voids,
        CAST(SUM(takings) OVER so_far AS BIGINT) AS takings
    FROM moments
    WINDOW so_far AS (PARTITION BY order_no ORDER BY from_at, step ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW)
),
-- cash never falls below 0: the running sum, less its lowest point below 0 so far
lows AS (
    SELECT
        order_no, from_at, step, is_undated, stated_minor, seems_paid, cash_change, credited, uncounted,
        net_minor, credits_minor, written_off_minor, refunds_minor, voids, takings,
        net_minor - LEAST(MIN(net_minor) OVER (
            PARTITION BY order_no ORDER BY from_at, step ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW), 0) AS dated_cash_minor
    FROM sums
),
stated AS (
    SELECT
        l.order_no, l.from_at, l.step, l.is_undated, l.credited, l.credits_minor, l.written_off_minor, l.refunds_minor, l.voids, o.amount_minor,
        CASE WHEN l.step = 0 THEN l.cash_change
             -- left open by the dated facts, less what the export says
             WHEN l.stated_minor IS NOT NULL OR (l.seems_paid = 1 AND l.takings = 0)
             THEN GREATEST(LEAST(o.amount_minor, GREATEST(o.amount_minor - l.credits_minor - l.written_off_minor - l.dated_cash_minor, 0))
                  - COALESCE(l.stated_minor, 0), 0)
             ELSE 0 END AS cash_change,
        l.uncounted
    FROM lows AS l
    JOIN stg_orders AS o ON o.order_no = l.order_no
),
cash_sums AS (
    SELECT
        order_no, from_at, step, is_undated, credited, credits_minor, written_off_minor, refunds_minor, voids, amount_minor, cash_change,
        CAST(SUM(cash_change) OVER so_far AS BIGINT) AS net_minor,
        CAST(SUM(uncounted + step * cash_change) OVER so_far AS BIGINT) AS uncounted_minor
    FROM stated
    -- a claim that changes nothing is no moment
    WHERE step = 0 OR cash_change > 0 OR voids > 0 OR written_off_minor > 0
    WINDOW so_far AS (PARTITION BY order_no ORDER BY from_at, step ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW)
),
cash AS (
    SELECT
        order_no, from_at, step, is_undated, credited, credits_minor, written_off_minor, refunds_minor, voids, amount_minor, uncounted_minor,
        net_minor - LEAST(MIN(net_minor) OVER (
            PARTITION BY order_no ORDER BY from_at, step ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW), 0) AS cash_minor
    FROM cash_sums
),
-- the two steps of a moment count together; the claim only adds
states AS (
    SELECT
        order_no, from_at, amount_minor, MAX(step) AS has_claim, MAX(is_undated) AS is_undated,
        MAX(CASE WHEN step = 0 THEN cash_minor END) AS dated_cash_minor, MAX(cash_minor) AS cash_minor, MAX(uncounted_minor) AS uncounted_minor,
        CAST(SUM(credited) AS BIGINT) AS credited, MAX(credits_minor) AS credits_minor, MAX(written_off_minor) AS written_off_minor,
        MAX(refunds_minor) AS refunds_minor, CASE WHEN MAX(voids) > 0 THEN 1 ELSE 0 END AS is_void
    FROM cash
    GROUP BY order_no, from_at, amount_minor
),
balances AS (
    SELECT
        order_no, from_at, amount_minor, has_claim, is_undated, dated_cash_minor, cash_minor, credited, is_void,
        amount_minor - credits_minor - written_off_minor - cash_minor AS left_minor,
        CASE WHEN is_void = 1 THEN 0 ELSE GREATEST(LEAST(amount_minor - credits_minor - written_off_minor - cash_minor, amount_minor), 0) END AS outstanding_minor,
        CASE WHEN is_void = 0
              AND LEAST(amount_minor - credits_minor - written_off_minor - cash_minor, amount_minor) * 20 > amount_minor THEN 1 ELSE 0 END AS is_open,
        CASE WHEN (amount_minor - credits_minor - cash_minor) * 20 <= amount_minor THEN 1 ELSE 0 END AS is_settled,
        GREATEST(cash_minor - uncounted_minor - refunds_minor
            - CASE WHEN is_void = 1 THEN 0 ELSE GREATEST(amount_minor - credits_minor, 0) END, 0) AS unapplied_minor
    FROM states
),
-- each balance with the one before and the one after
turns AS (
    SELECT
        order_no, from_at, amount_minor, has_claim, is_undated, cash_minor, credited, is_void, left_minor, outstanding_minor, is_open,
        is_settled, unapplied_minor,
        ROW_NUMBER() OVER ordered AS nth,
        LEAD(from_at) OVER ordered AS until_at,
        LAG(is_open, 1, 1) OVER ordered AS was_open,
        LAG(outstanding_minor, 1, CAST(0 AS BIGINT)) OVER ordered AS was_outstanding_minor,
        LAG(cash_minor, 1, CAST(0 AS BIGINT)) OVER ordered AS was_cash_minor,
        COALESCE(dated_cash_minor, LAG(cash_minor, 1, CAST(0 AS BIGINT)) OVER ordered) AS dated_cash_minor,
        MAX(is_open) OVER (PARTITION BY order_no) AS is_ever_open,
        MAX(unapplied_minor) OVER (PARTITION BY order_no) AS most_unapplied_minor
    FROM balances
    WINDOW ordered AS (PARTITION BY order_no ORDER BY from_at)
),
-- what closed the order last: the largest nth * 8 + 1 void, 2 stated, 3 payment, 4 credit, 5 write-off
closings AS (
    SELECT
        order_no, from_at, until_at, nth, has_claim, is_undated, is_void, outstanding_minor, was_outstanding_minor, is_open, was_open, is_settled,
        unapplied_minor, is_ever_open, most_unapplied_minor,
        dated_cash_minor - was_cash_minor AS paid_minor, cash_minor - dated_cash_minor AS stated_minor,
        CASE WHEN was_open = 1 AND is_open = 0 THEN 1 ELSE 0 END AS is_closing,
        MAX(CASE WHEN was_open = 0 OR is_open = 1 THEN NULL
             WHEN is_void = 1 THEN nth * 8 + 1
             WHEN (left_minor + cash_minor - dated_cash_minor) * 20 > amount_minor THEN nth * 8 + 2
             WHEN (left_minor + dated_cash_minor - was_cash_minor) * 20 > amount_minor THEN nth * 8 + 3
             WHEN credited > 0 THEN nth * 8 + 4
             ELSE nth * 8 + 5 END) OVER (PARTITION BY order_no ORDER BY from_at ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) AS closing
    FROM turns
)
SELECT
    order_no, from_at, until_at, paid_minor,
    CASE WHEN nth = 1 THEN 1 ELSE 0 END AS is_opening,
    outstanding_minor, is_open,
    -- what held just before, 0 at the opening
    was_outstanding_minor,
    CASE WHEN nth = 1 THEN 0 ELSE was_open END AS was_open,
    CASE WHEN is_void = 1 THEN 'void'
         WHEN is_open = 0 THEN CASE closing & 7 WHEN 1 THEN 'void' WHEN 2 THEN 'stated' WHEN 3 THEN 'payment' WHEN 4 THEN 'credit' ELSE 'write_off' END
    END AS closed_by,
    is_closing, is_settled, unapplied_minor,
    -- closed on the export's day, at a time that nobody knows
    CASE WHEN has_claim = 1 AND is_closing = 1 AND (is_void = 1 OR closing & 7 = 2) THEN 1 ELSE 0 END AS is_closed_unseen,
    CASE WHEN has_claim = 1 AND is_undated = 1 AND (stated_minor > 0 OR is_closing = 1) THEN 1 ELSE 0 END AS is_undated
FROM closings
WHERE is_ever_open = 1 OR most_unapplied_minor > 0;
