-- One row is one account.
-- Reads accounts; key customer_id. Of several files the last counts.
SELECT account AS customer_id, COALESCE(company, FULL_NAME(first_name, last_name)) AS name, LOWER(email) AS email
FROM accounts
QUALIFY ROW_NUMBER() OVER (PARTITION BY account ORDER BY file_number DESC, line DESC) = 1
ORDER BY account
