-- One row per customer: the size of the blocks of its time, its accounts, when it came, and when it opted out.
-- Reads accounts, stg_orders, stg_events, event_types. Key customer_no.
-- Units: a block is 2 to the power of block_shift days; accounts counts the currencies that the customer owes in.
-- Example: customer 7 has 6 orders: blocks of 512 days. The days of 2026 (day 739,616 since the year 1 is 1 January) lie in the blocks
-- 739616 >> 9 = 1444 and 1445. Customer 8 with 300 orders has blocks of 8 days: about as few facts lie in each of them.

CREATE TABLE customer_blocks AS
WITH sizes AS (
    SELECT customer_no, COUNT(*) AS orders, MIN(known_at) AS first_order_at FROM stg_orders GROUP BY customer_no
),
account_counts AS (
    SELECT customer_no, CAST(COUNT(*) AS INTEGER) AS accounts FROM accounts GROUP BY customer_no
),
opt_outs AS (
    SELECT o.customer_no, MIN(e.known_at) AS opted_out_at
    FROM stg_events AS e
    JOIN event_types AS t ON t.kind = e.kind
    JOIN stg_orders AS o ON o.order_no = e.order_no
    WHERE t.event_type = 'opt_out'
    GROUP BY o.customer_no
)
SELECT
    s.customer_no, a.accounts,
    CASE WHEN s.orders <= 4 THEN 10 WHEN s.orders <= 8 THEN 9 WHEN s.orders <= 16 THEN 8 WHEN s.orders <= 32 THEN 7
         WHEN s.orders <= 64 THEN 6 WHEN s.orders <= 128 THEN 5 WHEN s.orders <= 256 THEN 4 WHEN s.orders <= 512 THEN 3
         WHEN s.orders <= 1024 THEN 2 WHEN s.orders <= 2048 THEN 1 ELSE 0 END AS block_shift,
    s.first_order_at, u.opted_out_at
FROM sizes AS s
JOIN account_counts AS a ON a.customer_no = s.customer_no
LEFT JOIN opt_outs AS u ON u.customer_no = s.customer_no;
