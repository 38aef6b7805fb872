-- No row is lost: every snapshot is in the feature view.
SELECT o.order_id, s.as_of
FROM snapshots AS s
LEFT JOIN stg_orders AS o ON o.order_no = s.order_no
LEFT JOIN v_feature_view AS v ON v.order_id = o.order_id AND v.as_of = s.as_of
WHERE v.order_id IS NULL
