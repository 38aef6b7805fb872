-- One row is one movement of money: a payment, a refund, a payment that was reversed.
-- Reads events, obligation; key Transaction ID. Times are in Central European Time, one hour before UTC.
SELECT
    STRFTIME(e.event_ts + INTERVAL '1' HOUR, '%d/%m/%Y') AS "Date", STRFTIME(e.event_ts + INTERVAL '1' HOUR, '%H:%M:%S') AS "Time",
    'CET' AS "TimeZone",
    CASE e.event_type WHEN 'payment' THEN 'Express Checkout Payment' WHEN 'refund' THEN 'Payment Refund' ELSE 'Payment Reversal' END
        AS "Type",
    'Completed' AS "Status", COALESCE(e.currency, o.currency) AS "Currency",
    CASE WHEN e.event_type = 'payment' THEN e.amount ELSE -e.amount END AS "Gross",
    'PAYPAL' || UPPER(e.event_id) AS "Transaction ID", CAST(NULL AS VARCHAR) AS "Reference Txn ID",
    e.order_id AS "Invoice Number", CASE WHEN e.event_type = 'payment' THEN 'Credit' ELSE 'Debit' END AS "Balance Impact"
FROM events AS e
JOIN orders AS o ON o.order_id = e.order_id
WHERE e.event_type IN ('payment', 'refund', 'chargeback') AND e.amount IS NOT NULL
ORDER BY e.event_ts, e.event_id
