-- One row is one account.
-- Reads latest_accounts; key customer_id.
SELECT
    COALESCE(code, id) AS customer_id, COALESCE(company, FULL_NAME(first_name, last_name)) AS name,
    LOWER(email) AS email, language
FROM latest_accounts
ORDER BY 1
