-- One row is one customer; parent_id: the customer that it is a job of.
-- Reads customers; key customer_id. Of several files the last counts.
SELECT id AS customer_id, display_name AS name, LOWER(email) AS email, phone, parent AS parent_id
FROM customers
QUALIFY ROW_NUMBER() OVER (PARTITION BY id ORDER BY file_number DESC, line DESC) = 1
ORDER BY id
