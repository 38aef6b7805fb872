-- One row per order of which the export says, on its day, more than the dated facts do: what changes then.
-- Reads stg_orders, stg_money, raw_transactions, payment_source, stg_observed. Key order_no.
-- Units: _minor in hundredths of the order's currency; dated_at is the time of the dated facts that the claim meets; times in UTC.
-- Never NULL: from_at.
-- Rows of an order come from its own raw rows alone.
-- Example, one order of 100.00, of which 60.00 were paid on 20 May; the export of 1 June says paid: claimed_minor is 4000 from 1 June on.
-- Had it said that 40.00 are outstanding, it would say nothing new, and there would be no row.

CREATE TABLE stg_claims AS
WITH settings AS (
    SELECT
        (SELECT COUNT(*) FROM payment_source WHERE source = 'events') AS payments_are_events,
        (SELECT MAX(until) FROM stg_observed) AS observed_until
),
-- comes after the dated facts of the same moment
claims AS (
    SELECT
        o.order_no, o.amount_minor, GREATEST(COALESCE(t.stated_at, s.observed_until), o.known_at) AS from_at,
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
-- cash never falls below 0: the running sum, less its lowest point below 0 so far. Only after money was taken back can there be one.
lows AS (
    SELECT
        order_no, from_at,
        MIN(net_minor) OVER (PARTITION BY order_no ORDER BY from_at ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) AS lowest_minor
    FROM stg_money
    WHERE marks_so_far >= 1073741824
),
met AS (
    SELECT
        c.order_no, c.from_at, c.is_undated, c.voids, c.written_off, c.stated_minor, c.seems_paid, c.amount_minor,
        m.from_at AS dated_at, m.written_off_minor, m.marks_so_far,
        c.amount_minor - m.credits_minor - m.written_off_minor - (m.net_minor - LEAST(COALESCE(l.lowest_minor, 0), 0)) AS left_minor
    FROM claims AS c
    JOIN stg_money AS m ON m.order_no = c.order_no AND m.from_at <= c.from_at AND (m.until_at IS NULL OR m.until_at > c.from_at)
    LEFT JOIN lows AS l ON l.order_no = m.order_no AND l.from_at = m.from_at
    WHERE c.voids > 0 OR c.written_off > 0 OR c.stated_minor IS NOT NULL OR c.seems_paid = 1
),
changes AS (
    SELECT
        order_no, from_at, dated_at, is_undated,
        CASE WHEN voids > 0 AND marks_so_far & 1073741823 = 0 THEN 1 ELSE 0 END AS voids,
        GREATEST(written_off - written_off_minor, 0) AS written_off,
        -- left open by the dated facts, less what the export says
        CASE WHEN stated_minor IS NOT NULL OR (seems_paid = 1 AND marks_so_far < 1073741824)
             THEN GREATEST(LEAST(amount_minor, GREATEST(left_minor - written_off, 0)) - COALESCE(stated_minor, 0), 0)
             ELSE 0 END AS claimed_minor
    FROM met
)
SELECT order_no, from_at, dated_at, is_undated, voids, written_off, claimed_minor
FROM changes
WHERE voids > 0 OR written_off > 0 OR claimed_minor > 0;
