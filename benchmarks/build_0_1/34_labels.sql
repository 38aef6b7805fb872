-- One row per snapshot: whether it was recovered within the horizon, or not yet known.
-- Reads snapshots, stg_balances, stg_observed, horizon. Key (order_id, as_of).
-- Units: label 1 recovered, 0 not, NULL when as_of + horizon lies after the end of the observed data, paid already or not.

CREATE TABLE labels AS
WITH deadlines AS (
    SELECT s.order_id, s.as_of, s.as_of + h.days * INTERVAL '1' DAY AS deadline, u.until
    FROM snapshots AS s
    CROSS JOIN horizon AS h
    CROSS JOIN stg_observed AS u
)
SELECT
    d.order_id, d.as_of,
    CAST(CASE WHEN d.deadline <= d.until THEN 1 - b.is_open END AS SMALLINT) AS label_recovered_30d
FROM deadlines AS d
JOIN stg_balances AS b
  ON b.order_id = d.order_id AND b.from_at <= d.deadline AND (b.until_at IS NULL OR b.until_at > d.deadline);
