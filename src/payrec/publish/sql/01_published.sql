-- What is served from a database: one row per scored order and run, one row per run, one per number of monitoring.
-- Reads: nothing. Keys: payrec_scores (run_id, order_id), payrec_runs (run_id), payrec_monitor (run_id, metric, subject).
-- Units: money in units of its currency with two decimals, times in UTC without zone; published_no counts publications.

CREATE TABLE payrec_runs (
    run_id             VARCHAR(64)  NOT NULL PRIMARY KEY,
    published_no       BIGINT       NOT NULL UNIQUE,
    as_of              TIMESTAMP    NOT NULL,
    scored_at          TIMESTAMP    NOT NULL,
    model_id           VARCHAR(64)  NOT NULL,
    policy_sha256      VARCHAR(64)  NOT NULL,
    inputs_sha256      VARCHAR(64)  NOT NULL,
    horizon_days       BIGINT       NOT NULL,
    reporting_currency VARCHAR(10),
    data_until         TIMESTAMP,
    orders             BIGINT       NOT NULL,
    ranked             BIGINT       NOT NULL,
    prioritised        BIGINT       NOT NULL,
    facts              VARCHAR      NOT NULL
);

CREATE TABLE payrec_scores (
    run_id            VARCHAR(64)    NOT NULL,
    as_of             TIMESTAMP      NOT NULL,
    order_id          VARCHAR(200)   NOT NULL,
    customer_id       VARCHAR(200),
    amount            DECIMAL(18, 2) NOT NULL,
    currency          VARCHAR(10)    NOT NULL,
    outstanding       DECIMAL(18, 2) NOT NULL,
    p_recover_30d     DOUBLE PRECISION,
    ev_recovered      DECIMAL(18, 2),
    rank              BIGINT,
    priority_flag     SMALLINT       NOT NULL,
    suppressed_reason VARCHAR(100),
    reason_1          VARCHAR(1000),
    reason_2          VARCHAR(1000),
    reason_3          VARCHAR(1000),
    model_id          VARCHAR(64),
    scored_at         TIMESTAMP,
    horizon_days      BIGINT,
    ev_currency       VARCHAR(10),
    outstanding_value DECIMAL(18, 2),
    net_value         DECIMAL(18, 2),
    age_days          BIGINT,
    reason_category   VARCHAR(100),
    suggested_action  VARCHAR(100),
    channel           VARCHAR(200),
    owner             VARCHAR(200),
    contact_from      TIMESTAMP,
    suppressed_also   VARCHAR(1000),
    lifted_by         VARCHAR(1000),
    PRIMARY KEY (run_id, order_id)
);

CREATE TABLE payrec_monitor (
    run_id   VARCHAR(64)   NOT NULL,
    as_of    TIMESTAMP     NOT NULL,
    metric   VARCHAR(100)  NOT NULL,
    subject  VARCHAR(500)  NOT NULL,
    value    DOUBLE PRECISION,
    beside   DOUBLE PRECISION,
    level    VARCHAR(10)   NOT NULL,
    sentence VARCHAR(2000) NOT NULL,
    PRIMARY KEY (run_id, metric, subject)
);

-- the list that is served now: the one published last
CREATE VIEW payrec_worklist AS
SELECT
    s.run_id, s.as_of, s.order_id, s.customer_id, s.amount, s.currency, s.outstanding, s.p_recover_30d, s.ev_recovered,
    s.rank, s.priority_flag, s.suppressed_reason, s.reason_1, s.reason_2, s.reason_3, s.model_id, s.scored_at,
    s.horizon_days, s.ev_currency, s.outstanding_value, s.net_value, s.age_days, s.reason_category, s.suggested_action,
    s.channel, s.owner, s.contact_from, s.suppressed_also, s.lifted_by
FROM payrec_scores AS s
JOIN payrec_runs AS r ON r.run_id = s.run_id
WHERE r.published_no = (SELECT MAX(published_no) FROM payrec_runs);
