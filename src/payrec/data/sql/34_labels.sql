-- One row per snapshot: whether it was recovered within the horizon, or not known.
-- Reads snapshots, stg_balances, stg_observed, horizon. Key (order_id, as_of).
-- Units: label 1 recovered by money, 0 not, NULL when as_of + horizon lies after the end of the observed data, paid already or not;
-- NULL too when the order ended otherwise (void, credit) or at an unknown time that may lie within the window.

CREATE TABLE labels AS
WITH deadlines AS (
    SELECT s.order_id, s.as_of, s.as_of + h.days * INTERVAL '1' DAY AS deadline, u.until
    FROM snapshots AS s
    CROSS JOIN horizon AS h
    CROSS JOIN stg_observed AS u
),
unseen AS (
    SELECT order_id, from_at FROM stg_balances WHERE is_closed_unseen = 1
)
SELECT
    d.order_id, d.as_of,
    CAST(CASE
        WHEN d.deadline > d.until THEN NULL
        WHEN b.closed_by = 'payment' OR (b.closed_by = 'write_off' AND b.is_settled = 1) THEN 1
        WHEN b.closed_by IN ('void', 'credit', 'stated') OR k.from_at > d.deadline THEN NULL
        ELSE 0 END AS SMALLINT) AS label_recovered_30d
FROM deadlines AS d
JOIN stg_balances AS b
  ON b.order_id = d.order_id AND b.from_at <= d.deadline AND (b.until_at IS NULL OR b.until_at > d.deadline)
LEFT JOIN unseen AS k ON k.order_id = d.order_id;
