-- One row is one customer in its latest state.
-- Reads customers; key customer_id.
SELECT
    id AS customer_id, COALESCE(company, FULL_NAME(first_name, last_name)) AS name, LOWER(email) AS email, phone,
    locale AS language
FROM customers
QUALIFY ROW_NUMBER() OVER (PARTITION BY id ORDER BY recorded DESC NULLS LAST, file_number DESC, line DESC) = 1
ORDER BY id
