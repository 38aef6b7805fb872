-- What each run expected to come in, week by week: one row per run, currency and week. Rows are only added.
-- Reads: nothing. Key: payrec_forecasts (run_id, currency, week).
-- Units: money in units of the currency, times in UTC without zone; phi and windows: what the intervals rest on.

CREATE TABLE payrec_forecasts (
    run_id   VARCHAR(64)      NOT NULL,
    as_of    TIMESTAMP        NOT NULL,
    currency VARCHAR(10)      NOT NULL,
    week     BIGINT           NOT NULL,
    from_at  TIMESTAMP        NOT NULL,
    until_at TIMESTAMP        NOT NULL,
    expected DOUBLE PRECISION NOT NULL,
    low_80   DOUBLE PRECISION NOT NULL,
    high_80  DOUBLE PRECISION NOT NULL,
    low_95   DOUBLE PRECISION NOT NULL,
    high_95  DOUBLE PRECISION NOT NULL,
    phi      DOUBLE PRECISION NOT NULL,
    windows  BIGINT           NOT NULL,
    PRIMARY KEY (run_id, currency, week)
);
