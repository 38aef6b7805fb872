-- One row per (order that was ever open or holds unapplied cash, time from which a balance holds): what is owed, and what closed it.
-- Reads stg_orders, stg_money, stg_claims. Key (order_no, from_at); [from_at, until_at) do not overlap.
-- Units: _minor in hundredths of the order's currency; open = more than 5 % of the amount is left.
-- Never NULL: from_at, position.
-- Rows of an order come from its own raw rows alone.
-- Example, one order of 100.00: payment 60.00, credit 10.00, return 60.00, void. Outstanding 40.00, 30.00, 90.00, 0.00; cash 60.00,
-- 60.00, 0.00, 0.00; closed by the void, so it gets no label. docs/meaning.md says why.

CREATE TABLE stg_balances AS
-- Each dated moment and, where it is a moment of its own, the claim. claimed_…: of a claim that was made by then.
WITH entries AS (
    SELECT
        m.order_no, m.from_at, CASE WHEN c.dated_at = m.from_at AND c.from_at > m.from_at THEN c.from_at ELSE m.until_at END AS until_at,
        m.nth * 2 AS position, m.cash_change, m.credited, m.written_off, m.marks & 1073741823 AS voids,
        m.net_minor, m.credits_minor, m.written_off_minor, m.kept_apart_minor, m.marks_so_far,
        CASE WHEN c.from_at = m.from_at THEN 1 ELSE 0 END AS has_claim, CASE WHEN c.from_at = m.from_at THEN c.is_undated ELSE 0 END AS is_undated,
        CASE WHEN c.from_at <= m.from_at THEN c.claimed_minor ELSE 0 END AS claimed_minor,
        CASE WHEN c.from_at <= m.from_at THEN c.written_off ELSE 0 END AS claimed_off,
        CASE WHEN c.from_at <= m.from_at THEN c.voids ELSE 0 END AS claimed_void
    FROM stg_money AS m
    LEFT JOIN stg_claims AS c ON c.order_no = m.order_no
    UNION ALL
    SELECT
        c.order_no, c.from_at, m.until_at, m.nth * 2 + 1, 0, 0, 0, 0,
        m.net_minor, m.credits_minor, m.written_off_minor, m.kept_apart_minor, m.marks_so_far, 1, c.is_undated, c.claimed_minor, c.written_off, c.voids
    FROM stg_claims AS c
    JOIN stg_money AS m ON m.order_no = c.order_no AND m.from_at = c.dated_at
    WHERE c.from_at > c.dated_at
),
-- cash never falls below 0: the running sum, with what was claimed before, less its lowest point below 0 so far
claimed_lows AS (
    SELECT
        order_no, from_at,
        LEAST(MIN(net_minor + (1 - has_claim) * claimed_minor) OVER (
            PARTITION BY order_no ORDER BY position ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW), 0) AS lowest_minor,
        LEAST(MIN(net_minor + (1 - has_claim) * claimed_minor) OVER (
            PARTITION BY order_no ORDER BY position ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING), 0) AS was_lowest_minor
    FROM entries
    WHERE marks_so_far >= 1073741824
),
-- cash by the dated facts, and before them
cash AS (
    SELECT
        e.order_no, e.from_at, e.until_at, e.position, o.amount_minor, e.has_claim, e.is_undated, e.credited,
        e.net_minor + (1 - e.has_claim) * e.claimed_minor - COALESCE(l.lowest_minor, 0) AS dated_cash_minor,
        e.net_minor + (1 - e.has_claim) * e.claimed_minor - e.cash_change - COALESCE(l.was_lowest_minor, 0) AS was_cash_minor,
        e.has_claim * e.claimed_minor AS stated_minor,
        e.kept_apart_minor + e.claimed_minor AS kept_apart_minor,
        o.amount_minor - e.credits_minor AS due_minor,
        o.amount_minor - e.credits_minor - e.written_off_minor - e.claimed_off AS due_and_kept_minor,
        o.amount_minor - e.credits_minor + e.credited - e.written_off_minor + e.written_off - (1 - e.has_claim) * e.claimed_off AS was_due_minor,
        CASE WHEN e.marks_so_far & 1073741823 > 0 OR e.claimed_void > 0 THEN 1 ELSE 0 END AS is_void,
        CASE WHEN e.marks_so_far & 1073741823 > e.voids OR (1 - e.has_claim) * e.claimed_void > 0 THEN 1 ELSE 0 END AS was_void
    FROM entries AS e
    JOIN stg_orders AS o ON o.order_no = e.order_no
    LEFT JOIN claimed_lows AS l ON l.order_no = e.order_no AND l.from_at = e.from_at
),
balances AS (
    SELECT
        order_no, from_at, until_at, position, amount_minor, has_claim, is_undated, credited, stated_minor, is_void,
        dated_cash_minor - was_cash_minor AS paid_minor,
        due_and_kept_minor - dated_cash_minor - stated_minor AS left_minor,
        CASE WHEN is_void = 1 THEN 0 ELSE GREATEST(LEAST(due_and_kept_minor - dated_cash_minor - stated_minor, amount_minor), 0) END AS outstanding_minor,
        CASE WHEN was_void = 1 THEN 0 ELSE GREATEST(LEAST(was_due_minor - was_cash_minor, amount_minor), 0) END AS was_outstanding_minor,
        CASE WHEN is_void = 0 AND LEAST(due_and_kept_minor - dated_cash_minor - stated_minor, amount_minor) * 20 > amount_minor THEN 1 ELSE 0 END AS is_open,
        CASE WHEN was_void = 0 AND LEAST(was_due_minor - was_cash_minor, amount_minor) * 20 > amount_minor THEN 1 ELSE 0 END AS was_open,
        CASE WHEN (due_minor - dated_cash_minor - stated_minor) * 20 <= amount_minor THEN 1 ELSE 0 END AS is_settled,
        GREATEST(dated_cash_minor + stated_minor - kept_apart_minor
            - CASE WHEN is_void = 1 THEN 0 ELSE GREATEST(due_minor, 0) END, 0) AS unapplied_minor
    FROM cash
),
-- what closed the order last: the largest position * 8 + 1 void, 2 stated, 3 payment, 4 credit, 5 write-off
closings AS (
    SELECT
        order_no, from_at, until_at, position, has_claim, is_undated, stated_minor, is_void, paid_minor, outstanding_minor, was_outstanding_minor,
        is_open, was_open, is_settled, unapplied_minor,
        MAX(CASE WHEN was_open = 0 OR is_open = 1 THEN NULL
             WHEN is_void = 1 THEN position * 8 + 1
             WHEN (left_minor + stated_minor) * 20 > amount_minor THEN position * 8 + 2
             WHEN (left_minor + paid_minor) * 20 > amount_minor THEN position * 8 + 3
             WHEN credited > 0 THEN position * 8 + 4
             ELSE position * 8 + 5 END) OVER (PARTITION BY order_no ORDER BY position ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) AS closing,
        MAX(CASE WHEN is_open = 1 OR unapplied_minor > 0 THEN 1 ELSE 0 END) OVER (PARTITION BY order_no) AS is_kept
    FROM balances
)
SELECT
    order_no, from_at, until_at, paid_minor,
    CASE WHEN position = 2 THEN 1 ELSE 0 END AS is_opening,
    outstanding_minor, is_open,
    -- what held just before, 0 at the opening
    CASE WHEN position = 2 THEN 0 ELSE was_outstanding_minor END AS was_outstanding_minor,
    CASE WHEN position = 2 THEN 0 ELSE was_open END AS was_open,
    CASE WHEN is_void = 1 THEN 'void'
         WHEN is_open = 0 THEN CASE closing & 7 WHEN 1 THEN 'void' WHEN 2 THEN 'stated' WHEN 3 THEN 'payment' WHEN 4 THEN 'credit' ELSE 'write_off' END
    END AS closed_by,
    was_open * (1 - is_open) AS is_closing,
    is_settled, unapplied_minor,
    -- closed on the export's day, at a time that nobody knows
    CASE WHEN has_claim = 1 AND was_open * (1 - is_open) = 1 AND (is_void = 1 OR closing & 7 = 2) THEN 1 ELSE 0 END AS is_closed_unseen
FROM closings
WHERE is_kept = 1;
