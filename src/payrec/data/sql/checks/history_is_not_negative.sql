-- History adds up: no count is negative, no part is larger than its whole.
SELECT o.order_id, f.as_of
FROM features AS f
JOIN stg_orders AS o ON o.order_no = f.order_no
WHERE f.cust_orders < 0 OR f.cust_failures < 0 OR f.cust_open < 0 OR f.cust_recovered < 0 OR f.cust_decided < 0
   OR f.cust_recovered_in_time < 0 OR f.cust_open_minor < 0 OR f.cust_orders_90d < 0 OR f.cust_failures_90d < 0
   OR f.cust_failures > f.cust_orders OR f.cust_recovered_in_time > f.cust_decided OR f.cust_decided > f.cust_failures
UNION ALL
SELECT dimension || ' ' || value, day
FROM context_history
WHERE recovered_90d > decided_90d
