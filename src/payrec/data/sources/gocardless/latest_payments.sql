-- One row is one payment. Of several files the last counts.
-- Reads payments and history; key id. has_history: the events export has what happened to it.
SELECT
    id, created, charge_date, amount, amount_refunded, currency, status, customer,
    id IN (SELECT payment FROM history WHERE resource = 'payments') AS has_history
FROM payments
QUALIFY ROW_NUMBER() OVER (PARTITION BY id ORDER BY file_number DESC, line DESC) = 1
