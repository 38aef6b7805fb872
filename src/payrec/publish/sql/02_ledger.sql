-- What was done: one row per thing that happened, in the order of happening; rows are added and never changed.
-- Reads: nothing. Key: entry_no.
-- Units: happened_at in UTC without zone, as the one who did it told it; the order is that of entry_no, not of any clock.

CREATE TABLE payrec_ledger (
    entry_no    BIGINT        NOT NULL PRIMARY KEY,
    happened_at TIMESTAMP     NOT NULL,
    who         VARCHAR(200)  NOT NULL,
    what        VARCHAR(100)  NOT NULL,
    subject     VARCHAR(200)  NOT NULL,
    status      VARCHAR(20)   NOT NULL CHECK (status IN ('started', 'done', 'failed', 'abandoned')),
    detail      VARCHAR(4000) NOT NULL
);
