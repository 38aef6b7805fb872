-- One row per (dimension, value, day): orders of that provider, reason code or country whose outcome was decided in the 90 days before.
-- Reads snapshots, stg_orders, stg_outcomes, reason_numbers. Key (dimension, value, day); an unknown value is ''.
-- Units: counts of orders; day is 00:00 UTC of the snapshot's day, so the rates are at most a day stale.

CREATE TABLE context_history AS
WITH outcomes AS (
    SELECT o.provider, r.reason_no_at_opening AS reason_no, o.country, r.decided_at, COUNT(*) AS decided, SUM(r.recovered_in_time) AS recovered
    FROM stg_outcomes AS r
    JOIN stg_orders AS o ON o.order_no = r.order_no
    WHERE r.decided_at IS NOT NULL
    GROUP BY o.provider, r.reason_no_at_opening, o.country, r.decided_at
),
days AS (
    SELECT o.provider, s.reason_no, o.country, DATE_TRUNC('day', s.as_of) AS day
    FROM snapshots AS s
    JOIN stg_orders AS o ON o.order_no = s.order_no
    GROUP BY o.provider, s.reason_no, o.country, DATE_TRUNC('day', s.as_of)
),
facts AS (
    SELECT provider, reason_no, country, decided_at AS day, 0 AS is_needed, decided, recovered FROM outcomes
    UNION ALL
    SELECT provider, reason_no, country, day, 1, 0, 0 FROM days
),
valued AS (
    SELECT 'provider' AS dimension, COALESCE(provider, '') AS value, day, is_needed, decided, recovered FROM facts
    UNION ALL
    SELECT 'reason', COALESCE(n.reason_code, ''), f.day, f.is_needed, f.decided, f.recovered
    FROM facts AS f
    LEFT JOIN reason_numbers AS n ON n.reason_no = f.reason_no
    UNION ALL
    SELECT 'country', COALESCE(country, ''), day, is_needed, decided, recovered FROM facts
),
daily AS (
    SELECT dimension, value, day, MAX(is_needed) AS is_needed, SUM(decided) AS decided, SUM(recovered) AS recovered
    FROM valued
    GROUP BY dimension, value, day
),
rolling AS (
    SELECT
        dimension, value, day, is_needed,
        CAST(SUM(decided) OVER recent AS BIGINT) AS decided_90d,
        CAST(SUM(recovered) OVER recent AS BIGINT) AS recovered_90d
    FROM daily
    WINDOW recent AS (PARTITION BY dimension, value ORDER BY day RANGE BETWEEN INTERVAL '90' DAY PRECEDING AND CURRENT ROW)
)
SELECT dimension, value, day, decided_90d, recovered_90d
FROM rolling
WHERE is_needed = 1;
