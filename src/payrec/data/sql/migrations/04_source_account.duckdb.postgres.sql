-- The source, or the account of it, whose export an order is in: a complete file settles orders of its own source alone.
ALTER TABLE IF EXISTS raw_transactions ADD COLUMN IF NOT EXISTS source_account VARCHAR(200);
