-- One row per kind of fact (orders, payments, attempts, contacts, disputes): its newest fact, its usual gap, and its end.
-- Reads fact_days, stg_observed, observed_until. Key kind.
-- Units: times in UTC; usual_gap_days and limit_days in whole days, NULL with fewer than 5 gaps; days counts days with facts.
-- usual_gap_days: of the gaps from one day with facts to the next, the shortest that is no shorter than 95 in 100 of them.
-- limit_days: three usual gaps, at least 3 days; is_late: orders go on for longer than that after the newest fact.
-- known_until: the end of the newest fact's day; a declared end of the data instead, unless the kind is late.
-- Example: payments on every working day, the newest on Friday 12 June, 17:00. The gaps are 1, 1, 1, 1, 3 days: the usual gap
-- is 3, the limit 9 days; an order that is known after 21 June, 17:00, makes the payments late.

CREATE TABLE freshness AS
WITH days AS (
    SELECT kind, day, SUM(facts) AS facts, MAX(newest_at) AS newest_at
    FROM fact_days
    GROUP BY kind, day
),
gaps AS (
    SELECT
        kind,
        CAST(EXTRACT(DAY FROM (day - LAG(day) OVER (PARTITION BY kind ORDER BY day))) AS INTEGER) AS gap_days
    FROM days
),
ranked AS (
    SELECT
        kind, gap_days,
        ROW_NUMBER() OVER (PARTITION BY kind ORDER BY gap_days NULLS LAST) AS gap_no,
        COUNT(*) OVER (PARTITION BY kind) AS gaps
    FROM gaps
    WHERE gap_days IS NOT NULL
),
usual AS (
    SELECT kind, MIN(gap_days) AS usual_gap_days, GREATEST(MIN(gap_days) * 3, 3) AS limit_days
    FROM ranked
    WHERE gap_no * 100 >= gaps * 95 AND gaps >= 5
    GROUP BY kind
),
kinds AS (
    SELECT kind, CAST(SUM(facts) AS BIGINT) AS facts, COUNT(*) AS days, MAX(newest_at) AS newest_at
    FROM days
    GROUP BY kind
),
judged AS (
    SELECT
        k.kind, k.facts, k.days, k.newest_at, u.usual_gap_days, u.limit_days,
        CASE WHEN k.newest_at + u.limit_days * INTERVAL '1' DAY < (SELECT MAX(newest_at) FROM kinds WHERE kind = 'orders')
            THEN 1 ELSE 0 END AS is_late
    FROM kinds AS k
    LEFT JOIN usual AS u ON u.kind = k.kind
)
SELECT
    j.kind, j.facts, j.days, j.newest_at, j.usual_gap_days, j.limit_days, j.is_late,
    CASE WHEN j.is_late = 0 AND EXISTS (SELECT 1 FROM observed_until) THEN o.until
         WHEN j.newest_at = DATE_TRUNC('day', j.newest_at) THEN LEAST(o.until, j.newest_at)
         ELSE LEAST(o.until, DATE_TRUNC('day', j.newest_at) + INTERVAL '1' DAY) END AS known_until
FROM judged AS j
CROSS JOIN stg_observed AS o;
