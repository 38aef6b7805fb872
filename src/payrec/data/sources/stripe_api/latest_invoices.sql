-- One row is one invoice in its latest state.
-- Reads invoices; key id. known: when that state was reported, empty without webhook events.
-- Amounts are text in minor units. A credit note lowers amount_due, so amount_minor adds it again.
SELECT
    id, customer, LOWER(TRIM(email)) AS email, name, phone, UPPER(currency) AS currency, AS_TIME(recorded) AS known,
    CAST(amount_due AS BIGINT) + COALESCE(CAST(credited AS BIGINT), 0) AS amount_minor, amount_paid, amount_remaining,
    AS_TIME(COALESCE(finalized, created)) AS created, AS_TIME(due) AS due, status, collection, billing_reason, country,
    AS_TIME(paid) AS paid, AS_TIME(uncollectible) AS uncollectible, AS_TIME(voided) AS voided
FROM invoices
QUALIFY ROW_NUMBER() OVER (PARTITION BY id ORDER BY recorded DESC NULLS LAST, file_number DESC, line DESC) = 1
