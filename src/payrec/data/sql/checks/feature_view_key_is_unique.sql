-- One row stays one row: (order_id, as_of) is unique in the feature view.
SELECT order_id, as_of, COUNT(*) AS copies FROM v_feature_view GROUP BY order_id, as_of HAVING COUNT(*) > 1
