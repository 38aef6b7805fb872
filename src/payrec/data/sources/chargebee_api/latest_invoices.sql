-- One row is one invoice in its latest state.
-- Reads invoices; key id. credits and adjustments are JSON arrays.
-- Amounts are text in minor units; times are UTC.
SELECT
    id, customer, UPPER(currency) AS currency, total, amount_due, written_off, status, AS_TIME(date) AS issued,
    AS_TIME(due) AS due, AS_TIME(voided) AS voided, credits, adjustments, AS_TIME(recorded) AS known
FROM invoices
QUALIFY ROW_NUMBER() OVER (PARTITION BY id ORDER BY recorded DESC NULLS LAST, file_number DESC, line DESC) = 1
