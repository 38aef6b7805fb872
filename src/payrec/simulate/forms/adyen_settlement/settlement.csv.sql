-- One row is one booking of an order: settled, refunded, charged back.
-- Reads events, orders; key Psp Reference. Times are in Central European Summer Time, two hours before UTC.
SELECT
    'PSP' || e.event_id AS "Psp Reference", e.order_id AS "Merchant Reference", 'visa' AS "Payment Method",
    second(e.event_ts + INTERVAL '2' HOUR) AS "Creation Date", 'CEST' AS "TimeZone",
    CASE e.event_type WHEN 'payment' THEN 'Settled' WHEN 'refund' THEN 'Refunded' ELSE 'Chargeback' END AS "Type",
    'M' || e.event_id AS "Modification Reference", COALESCE(e.currency, o.currency) AS "Gross Currency",
    CASE WHEN e.event_type <> 'payment' THEN e.amount END AS "Gross Debit (GC)",
    CASE WHEN e.event_type = 'payment' THEN e.amount END AS "Gross Credit (GC)"
FROM events AS e
JOIN orders AS o ON o.order_id = e.order_id
WHERE e.event_type IN ('payment', 'refund', 'chargeback') AND e.amount IS NOT NULL
ORDER BY e.event_ts, e.event_id
