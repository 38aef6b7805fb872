-- One row is one contact: its name, which is its id, and the e-mail address of its newest row.
-- Reads invoices; key customer_id.
SELECT contact AS customer_id, contact AS name, ARG_MAX(LOWER(email), (file_number, line)) AS email
FROM invoices
GROUP BY contact
ORDER BY contact
