-- History adds up: no count is negative, no part is larger than its whole.
SELECT order_id, as_of
FROM v_feature_view
WHERE cust_orders < 0 OR cust_failures < 0 OR cust_open < 0 OR cust_recovered < 0 OR cust_decided < 0
   OR cust_recovered_in_time < 0 OR cust_open_minor < 0 OR cust_orders_90d < 0 OR cust_failures_90d < 0
   OR cust_failures > cust_orders OR cust_recovered_in_time > cust_decided OR cust_decided > cust_failures
   OR provider_recovered_90d > provider_decided_90d OR reason_recovered_90d > reason_decided_90d
   OR country_recovered_90d > country_decided_90d
