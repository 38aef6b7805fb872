-- One row per (customer, n): in how many days the customer's first n recoveries came.
-- Reads stg_outcomes, stg_orders. Key (customer_no, nth).
-- Units: whole days from the time at which the order was known.
-- Never NULL: recovered_at, nth.
-- Example: recoveries after 3, 20 and 5 days, in the order of their time. Row 3: days_to_pay 5, days_to_pay_sum 28, last3_sum 28,
-- quickest 3, slowest 20. A snapshot whose customer state says recovered = 3 takes row 3.

CREATE TABLE customer_paces AS
WITH recoveries AS (
    SELECT
        r.customer_no, CAST(EXTRACT(DAY FROM (r.recovered_at - r.known_at)) AS INTEGER) AS days_to_pay,
        CAST(ROW_NUMBER() OVER (PARTITION BY r.customer_no ORDER BY r.recovered_at, o.order_id) AS INTEGER) AS nth
    FROM stg_outcomes AS r
    JOIN stg_orders AS o ON o.order_no = r.order_no
    WHERE r.recovered_at IS NOT NULL
)
SELECT
    customer_no, nth, days_to_pay,
    CAST(SUM(days_to_pay) OVER so_far AS BIGINT) AS days_to_pay_sum,
    CAST(SUM(days_to_pay) OVER (PARTITION BY customer_no ORDER BY nth ROWS BETWEEN 2 PRECEDING AND CURRENT ROW) AS BIGINT) AS last3_sum,
    MIN(days_to_pay) OVER so_far AS quickest,
    MAX(days_to_pay) OVER so_far AS slowest
FROM recoveries
WINDOW so_far AS (PARTITION BY customer_no ORDER BY nth ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW);
