-- Which customers of a list are one contact, and what needs no person; appended to each row of payrec_customers.
-- Reads: payrec_customers. Key: as in 07_customers.sql.
-- contact_group: the parent of several customers, NULL: alone. contact_no: rank of the contact. machine_flag: 1 within capacity.

ALTER TABLE payrec_customers ADD COLUMN contact_group VARCHAR(200);
ALTER TABLE payrec_customers ADD COLUMN contact_no BIGINT;
ALTER TABLE payrec_customers ADD COLUMN machine_flag SMALLINT;
