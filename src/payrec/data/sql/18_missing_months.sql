-- One row per run of whole months without a fact of a kind, between months that have some: those facts were never loaded.
-- Reads fact_days, freshness. Key (kind, from_at).
-- Units: from_at and until_at are the starts of the first missing month and of the next month with facts, in UTC.
-- A kind whose limit is 28 days or longer may well be silent for a month, and misses none.
-- Facts count in the month in which they happened, not in that in which they were recorded.

CREATE TABLE missing_months AS
WITH months AS (
    SELECT DISTINCT kind, month FROM fact_days
),
followed AS (
    SELECT kind, month + INTERVAL '1' MONTH AS from_at, LEAD(month) OVER (PARTITION BY kind ORDER BY month NULLS LAST) AS until_at
    FROM months
)
SELECT f.kind, f.from_at, f.until_at
FROM followed AS f
JOIN freshness AS r ON r.kind = f.kind AND r.limit_days < 28
WHERE f.until_at > f.from_at;
