-- One row is one account in its latest state.
-- Reads accounts; key id.
SELECT id, code, company, first_name, last_name, email, language
FROM accounts
QUALIFY ROW_NUMBER() OVER (PARTITION BY id ORDER BY recorded DESC NULLS LAST, updated DESC NULLS LAST, file_number DESC, line DESC) = 1
