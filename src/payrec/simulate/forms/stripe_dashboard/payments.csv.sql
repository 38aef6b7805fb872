-- One row is one charge, in units; a refund carries the date of the first, a dispute that was won ends when evidence was due.
-- Reads charge, obligation, refund, dispute; key id.
SELECT
    'ch_' || c.event_id AS id, second(c.event_ts) AS "Created date (UTC)", c.amount AS "Amount",
    COALESCE(r.amount, 0.00) AS "Amount Refunded", LOWER(c.currency) AS "Currency", c.is_paid AS "Captured", 'Live' AS "Mode",
    CASE WHEN c.is_paid THEN 'Paid' ELSE 'Failed' END AS "Status", c.reason_code AS "Decline Reason",
    CASE WHEN c.is_paid THEN 'Payment complete.' END AS "Seller Message", o.customer_id AS "Customer ID",
    o.email AS "Customer Email", UPPER(o.name) AS "Card Name", o.country AS "Card Issue Country", second(r.event_ts) AS "Refunded date (UTC)",
    d.amount AS "Disputed Amount", CASE WHEN d.is_lost THEN 'Lost' WHEN d.closed IS NOT NULL THEN 'Won' ELSE 'Needs response' END
        AS "Dispute Status",
    CASE WHEN d.order_id IS NOT NULL THEN 'fraudulent' END AS "Dispute Reason", second(d.event_ts) AS "Dispute Date (UTC)",
    second(d.closed) AS "Dispute Evidence Due (UTC)", CASE WHEN NOT o.is_direct THEN o.stripe_id END AS "Invoice ID",
    o.method AS "Payment Source Type", CASE WHEN o.is_direct THEN o.stripe_id END AS "PaymentIntent ID"
FROM charge AS c
JOIN obligation AS o ON o.order_id = c.order_id
LEFT JOIN (
    SELECT payment_id, SUM(amount) AS amount, MIN(event_ts) AS event_ts FROM refund GROUP BY payment_id
) AS r ON r.payment_id = c.event_id
LEFT JOIN dispute AS d ON d.payment_id = c.event_id
ORDER BY c.event_ts, c.event_id
