-- One row per (dimension, value, day): orders of that provider, reason code or country whose outcome was decided in the 90 days before.
-- Reads snapshots, stg_outcomes. Key (dimension, value, day); an unknown value is ''.
-- Units: counts of orders; day is 00:00 UTC of the snapshot's day, so the rates are at most a day stale.

CREATE TABLE context_history AS
WITH decided AS (
    SELECT 'provider' AS dimension, COALESCE(provider, '') AS value, decided_at, recovered_in_time FROM stg_outcomes
    UNION ALL
    SELECT 'reason', COALESCE(reason_at_opening, ''), decided_at, recovered_in_time FROM stg_outcomes
    UNION ALL
    SELECT 'country', COALESCE(country, ''), decided_at, recovered_in_time FROM stg_outcomes
),
asked AS (
    SELECT 'provider' AS dimension, COALESCE(provider, '') AS value, DATE_TRUNC('day', as_of) AS day FROM snapshots GROUP BY 1, 2, 3
    UNION ALL
    SELECT 'reason', COALESCE(reason_code, ''), DATE_TRUNC('day', as_of) FROM snapshots GROUP BY 1, 2, 3
    UNION ALL
    SELECT 'country', COALESCE(country, ''), DATE_TRUNC('day', as_of) FROM snapshots GROUP BY 1, 2, 3
),
daily AS (
    SELECT dimension, value, decided_at AS day, 0 AS is_asked, COUNT(*) AS decided, SUM(recovered_in_time) AS recovered
    FROM decided
    GROUP BY dimension, value, decided_at
    UNION ALL
    SELECT dimension, value, day, 1, 0, 0
    FROM asked
),
rolling AS (
    SELECT
        dimension, value, day, is_asked,
        CAST(SUM(decided) OVER recent AS BIGINT) AS decided_90d,
        CAST(SUM(recovered) OVER recent AS BIGINT) AS recovered_90d
    FROM daily
    WINDOW recent AS (PARTITION BY dimension, value ORDER BY day RANGE BETWEEN INTERVAL '90' DAY PRECEDING AND CURRENT ROW)
)
SELECT dimension, value, day, decided_90d, recovered_90d
FROM rolling
WHERE is_asked = 1;
