-- Facts of the export's day, the currency of an event, and the event types pending, return, void and snooze.
-- A CHECK cannot be altered here, so the rows of raw_events move into a table with the new one.
ALTER TABLE raw_transactions ADD COLUMN IF NOT EXISTS status VARCHAR(200);
ALTER TABLE raw_transactions ADD COLUMN IF NOT EXISTS stated_at TIMESTAMP;
ALTER TABLE raw_events ADD COLUMN IF NOT EXISTS currency VARCHAR(10);
CREATE TABLE raw_events_moved AS
SELECT event_id, order_id, event_ts, recorded_ts, event_type, amount, reason_code, channel, detail, currency FROM raw_events;
DROP TABLE raw_events;
CREATE TABLE raw_events (
    event_id    VARCHAR(200) NOT NULL PRIMARY KEY,
    order_id    VARCHAR(200) NOT NULL,
    event_ts    TIMESTAMP    NOT NULL,
    recorded_ts TIMESTAMP,
    event_type  VARCHAR(20)  NOT NULL CHECK (event_type IN (
        'attempt', 'payment', 'refund', 'chargeback', 'dispute_opened', 'dispute_closed',
        'contact', 'promise', 'credit', 'write_off', 'opt_out', 'pending', 'return', 'void', 'snooze')),
    amount      DECIMAL(18, 2),
    reason_code VARCHAR(200),
    channel     VARCHAR(200),
    detail      VARCHAR(1000),
    currency    VARCHAR(10)
);
INSERT INTO raw_events (event_id, order_id, event_ts, recorded_ts, event_type, amount, reason_code, channel, detail, currency)
SELECT event_id, order_id, event_ts, recorded_ts, event_type, amount, reason_code, channel, detail, currency FROM raw_events_moved;
DROP TABLE raw_events_moved;
