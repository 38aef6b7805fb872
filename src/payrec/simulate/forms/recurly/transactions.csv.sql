-- One row is one attempt, payment or refund.
-- Reads charge, refund, obligation; key transaction_id. Times are in Central European Summer Time.
SELECT
    id AS transaction_id, COALESCE(o.customer_id, o.email) AS account_code, type, t.amount, t.currency,
    second(event_ts + INTERVAL '2' HOUR) || ' CEST' AS date, t.status, 'FALSE' AS test, reason AS gateway_error_code,
    o.method AS payment_method, t.order_id AS invoice_number
FROM (
    SELECT event_id AS id, order_id, 'purchase' AS type, amount, currency, event_ts, reason_code AS reason,
        CASE WHEN is_paid THEN 'success' ELSE 'declined' END AS status
    FROM charge
    UNION ALL
    SELECT event_id, order_id, 'refund', -amount, currency, event_ts, NULL, 'success' FROM refund
) AS t
JOIN obligation AS o ON o.order_id = t.order_id
ORDER BY event_ts, id
