-- Unknown is not zero: a label exists exactly when as_of + horizon lies inside the observed data.
SELECT v.order_id, v.as_of, v.label_recovered_30d
FROM v_feature_view AS v
CROSS JOIN stg_observed AS u
WHERE (v.label_recovered_30d IS NULL AND v.as_of + v.horizon_days * INTERVAL '1' DAY <= u.until)
   OR (v.label_recovered_30d IS NOT NULL AND v.as_of + v.horizon_days * INTERVAL '1' DAY > u.until)
