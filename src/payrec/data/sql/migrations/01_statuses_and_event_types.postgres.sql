-- Facts of the export's day, the currency of an event, and the event types pending, return, void and snooze.
ALTER TABLE IF EXISTS raw_transactions ADD COLUMN IF NOT EXISTS status VARCHAR(200);
ALTER TABLE IF EXISTS raw_transactions ADD COLUMN IF NOT EXISTS stated_at TIMESTAMP;
ALTER TABLE IF EXISTS raw_events ADD COLUMN IF NOT EXISTS currency VARCHAR(10);
ALTER TABLE IF EXISTS raw_events DROP CONSTRAINT IF EXISTS raw_events_event_type_check;
ALTER TABLE IF EXISTS raw_events ADD CONSTRAINT raw_events_event_type_check CHECK (event_type IN (
    'attempt', 'payment', 'refund', 'chargeback', 'dispute_opened', 'dispute_closed',
    'contact', 'promise', 'credit', 'write_off', 'opt_out', 'pending', 'return', 'void', 'snooze'));
