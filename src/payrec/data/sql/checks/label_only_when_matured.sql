-- Unknown is not zero: a label exists when as_of + horizon lies inside the observed payments, and the order did not end without money.
SELECT v.order_id, v.as_of, v.label_recovered_30d
FROM v_feature_view AS v
CROSS JOIN stg_observed AS u
LEFT JOIN freshness AS p ON p.kind = 'payments'
WHERE (v.label_recovered_30d IS NOT NULL AND v.as_of + v.horizon_days * INTERVAL '1' DAY > COALESCE(p.known_until, u.until))
   OR (v.label_recovered_30d IS NULL AND v.as_of + v.horizon_days * INTERVAL '1' DAY <= COALESCE(p.known_until, u.until)
       AND NOT EXISTS (SELECT 1 FROM stg_balances AS b JOIN stg_orders AS o ON o.order_no = b.order_no WHERE o.order_id = v.order_id AND b.closed_by IN ('void', 'credit', 'stated'))
       AND NOT EXISTS (SELECT 1 FROM missing_months AS m WHERE m.kind = 'payments'))
