-- One row is one order as an invoice; credit is an adjustment.
-- Reads obligation, events; key id.
SELECT
    o.order_id AS id, 'invoice' AS object, COALESCE(o.customer_id, o.email) AS customer_id,
    epoch_s(CAST(o.invoice_date AS TIMESTAMP)) AS date, epoch_s(CAST(o.due_date AS TIMESTAMP)) AS due_date,
    CASE o.state WHEN 'void' THEN 'voided' WHEN 'paid' THEN 'paid' WHEN 'uncollectible' THEN 'not_paid' ELSE 'payment_due' END AS status,
    o.currency AS currency_code, minor(o.amount, o.currency) AS total,
    CASE WHEN o.state IN ('void', 'uncollectible') THEN 0 ELSE minor(o.outstanding, o.currency) END AS amount_due,
    CASE WHEN o.state = 'uncollectible' THEN minor(o.outstanding, o.currency) ELSE 0 END AS write_off_amount,
    epoch_s(o.voided) AS voided_at,
    (
        SELECT COALESCE(LIST({'cn_id': e.event_id, 'cn_total': minor(e.amount, o.currency), 'cn_date': epoch_s(e.event_ts)}), [])
        FROM events AS e WHERE e.order_id = o.order_id AND e.event_type = 'credit'
    ) AS adjustment_credit_notes
FROM obligation AS o
WHERE o.state <> 'uncollectible' OR o.outstanding > 0
ORDER BY o.order_id
