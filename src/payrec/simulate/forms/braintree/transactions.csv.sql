-- One row is one sale or refund; orders whose first charge is of all of their amount.
-- Reads charge, refund, obligation; key Transaction ID. Times are in Eastern Daylight Time, four hours after UTC.
SELECT
    id AS "Transaction ID", type AS "Transaction Type", status AS "Transaction Status",
    STRFTIME(event_ts - INTERVAL '4' HOUR, '%m/%d/%Y %H:%M:%S') AS "Created Datetime", 'EDT' AS "Created Timezone",
    t.amount AS "Amount Authorized", t.currency AS "Currency ISO Code",
    CASE WHEN type = 'sale' THEN t.order_id END AS "Order ID", o.customer_id AS "Customer ID",
    o.email AS "Customer Email", SPLIT_PART(o.name, ' ', 1) AS "Customer First Name",
    SPLIT_PART(o.name, ' ', 2) AS "Customer Last Name", UPPER(o.method) AS "Payment Instrument Type", o.country AS "Country of Issuance",
    reason AS "Processor Response Code", refunded AS "Refunded Transaction ID"
FROM (
    SELECT event_id AS id, order_id, 'sale' AS type, amount, currency, event_ts, reason_code AS reason, NULL AS refunded,
        CASE WHEN is_paid THEN 'settled' ELSE 'processor_declined' END AS status
    FROM charge
    UNION ALL
    SELECT event_id, order_id, 'credit', amount, currency, event_ts, NULL, payment_id, 'settled' FROM refund
) AS t
JOIN obligation AS o ON o.order_id = t.order_id
WHERE o.order_id IN (SELECT order_id FROM simple)
ORDER BY event_ts, id
