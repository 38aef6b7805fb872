-- One row per (customer, count of decisions so far): what these decisions weigh, and those recovered in time among them.
-- Reads stg_outcomes, stg_orders. Key (customer_no, decided).
-- Units: a decision d days after the customer's first order weighs (128 + d & 127) << (d >> 7): whole numbers that double every 128 days, in
-- straight lines between. From day 3968 (almost eleven years) on the weight stays, so that sums fit 64 bits.
-- Never NULL: decided_at, decided, weight, in_time_weight.
-- Example: a customer's first order is 30 days old at its decision, in time; two more are decided on day 130, one of them in time. Row 1: weight
-- 128 + 30 = 158, in_time_weight 158. Row 3: 158 + 2 * (128 + 2) * 2 = 678, and 158 + 260 = 418.
-- A snapshot whose customer state says decided = 3 takes row 3, and divides by the weight of its own day.

CREATE TABLE customer_decisions AS
WITH firsts AS (
    SELECT customer_no, MIN(known_at) AS first_order_at FROM stg_orders GROUP BY customer_no
),
days AS (
    SELECT
        r.customer_no, r.decided_at, LEAST(CAST(EXTRACT(DAY FROM (r.decided_at - f.first_order_at)) AS INTEGER), 3967) AS day,
        COUNT(*) AS decisions, CAST(SUM(r.recovered_in_time) AS BIGINT) AS in_time
    FROM stg_outcomes AS r
    JOIN firsts AS f ON f.customer_no = r.customer_no
    WHERE r.decided_at IS NOT NULL
    GROUP BY r.customer_no, r.decided_at, f.first_order_at
),
weighed AS (
    SELECT customer_no, decided_at, decisions, in_time, CAST(128 + (day & 127) AS BIGINT) << (day >> 7) AS unit_weight
    FROM days
)
SELECT
    customer_no,
    CAST(SUM(decisions) OVER so_far AS BIGINT) AS decided,
    CAST(SUM(decisions * unit_weight) OVER so_far AS BIGINT) AS weight,
    CAST(SUM(in_time * unit_weight) OVER so_far AS BIGINT) AS in_time_weight
FROM weighed
WINDOW so_far AS (PARTITION BY customer_no ORDER BY decided_at ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW);
