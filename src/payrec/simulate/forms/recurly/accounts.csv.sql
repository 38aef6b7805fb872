-- One row is one customer as an account.
-- Reads obligation; key account_code.
SELECT DISTINCT
    COALESCE(customer_id, email) AS account_code, email AS account_email, SPLIT_PART(name, ' ', 1) AS account_first_name,
    SPLIT_PART(name, ' ', 2) AS account_last_name, NULL AS account_company_name
FROM obligation
ORDER BY 1
