-- When and for whom the database server took an entry of the ledger, by its own clock and its own sign-in.
-- Reads: nothing. Key: entry_no, as in 02_ledger.sql.
-- Units: recorded_at in UTC without zone. NULL in older entries, and where no server records them.

ALTER TABLE payrec_ledger ADD COLUMN recorded_at TIMESTAMP;
ALTER TABLE payrec_ledger ADD COLUMN recorded_by VARCHAR(200);
