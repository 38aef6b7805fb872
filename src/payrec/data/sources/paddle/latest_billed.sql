-- One row is one transaction of Paddle in its latest state.
-- Reads billed; key id.
-- Amounts are text in minor units; payments is a JSON array.
SELECT id, status, customer, currency, created, issued, collection, origin, total, balance, payments, recorded
FROM billed
QUALIFY ROW_NUMBER() OVER (PARTITION BY id ORDER BY recorded DESC NULLS LAST, file_number DESC, line DESC) = 1
