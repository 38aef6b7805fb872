-- One row per snapshot: whether it was recovered within the horizon, or not known.
-- Reads snapshots, stg_orders, stg_balances, stg_observed, freshness, missing_months, horizon. Key (order_no, as_of).
-- Units: label 1 recovered by money, 0 not, NULL when as_of + horizon lies after the end of the observed payments, paid already or not;
-- NULL too when the order ended otherwise (void, credit) or at an unknown time that may lie within the window,
-- and when it may have been paid in a month whose payments are missing.

CREATE TABLE labels AS
WITH deadlines AS (
    SELECT s.order_no, s.as_of, o.known_at, s.as_of + h.days * INTERVAL '1' DAY AS deadline, COALESCE(p.known_until, u.until) AS until
    FROM snapshots AS s
    JOIN stg_orders AS o ON o.order_no = s.order_no
    CROSS JOIN horizon AS h
    CROSS JOIN stg_observed AS u
    LEFT JOIN freshness AS p ON p.kind = 'payments'
),
missed AS (
    SELECT DISTINCT d.order_no, d.as_of
    FROM deadlines AS d
    JOIN missing_months AS m ON m.kind = 'payments' AND d.deadline > m.from_at AND d.known_at < m.until_at
),
unseen AS (
    SELECT order_no, from_at FROM stg_balances WHERE is_closed_unseen = 1
)
SELECT
    d.order_no, d.as_of,
    CAST(CASE
        WHEN d.deadline > d.until OR m.order_no IS NOT NULL THEN NULL
        WHEN b.closed_by = 'payment' OR (b.closed_by = 'write_off' AND b.is_settled = 1) THEN 1
        WHEN b.closed_by IN ('void', 'credit', 'stated') OR k.from_at > d.deadline THEN NULL
        ELSE 0 END AS SMALLINT) AS label_recovered_30d
FROM deadlines AS d
JOIN stg_balances AS b
  ON b.order_no = d.order_no AND b.from_at <= d.deadline AND (b.until_at IS NULL OR b.until_at > d.deadline)
LEFT JOIN missed AS m ON m.order_no = d.order_no AND m.as_of = d.as_of
LEFT JOIN unseen AS k ON k.order_no = d.order_no;
