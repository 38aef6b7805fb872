-- One row is one charge in its latest state, with the order it is for: an invoice, else a payment intent, else itself.
-- Reads charges and invoice_payments; key id. known: when its state was first reported, empty without webhook events.
-- Amounts are text in minor units.
WITH
link AS (
    SELECT COALESCE(charge, intent) AS payment, MIN(invoice) AS invoice
    FROM invoice_payments
    GROUP BY COALESCE(charge, intent)
),
latest AS (
    SELECT *, MIN(recorded) OVER (PARTITION BY id, status) AS known
    FROM charges
    QUALIFY ROW_NUMBER() OVER (PARTITION BY id ORDER BY recorded DESC NULLS LAST, file_number DESC, line DESC) = 1
)
SELECT
    c.id, COALESCE(c.invoice, by_charge.invoice, by_intent.invoice, c.intent, c.id) AS order_id, c.intent, c.known,
    AS_TIME(c.created) AS created, UPPER(c.currency) AS currency, c.customer, LOWER(TRIM(c.email)) AS email, c.name, c.phone, c.amount,
    COALESCE(c.amount_captured, c.amount) AS amount_captured, c.amount_refunded,
    -- advice that forbids another try outweighs why this one failed; 03 and 21 are Mastercard's
    CASE
        WHEN LOWER(c.advice) = 'do_not_try_again' OR c.advice_code IN ('03', '21') THEN 'do_not_try_again'
        ELSE c.reason
    END AS reason,
    c.reason AS decline_code, c.network_code, c.advice, c.advice_code, COALESCE(c.method, 'card') AS method, c.country,
    CASE
        WHEN c.status = 'failed' THEN 'attempt'
        WHEN c.status = 'pending' OR LOWER(c.captured) = 'false' THEN 'pending'
        ELSE 'payment'
    END AS event_type
FROM latest AS c
LEFT JOIN link AS by_charge ON by_charge.payment = c.id
LEFT JOIN link AS by_intent ON by_intent.payment = c.intent
