-- The list by customer: one row per customer, currency and run. Each order also carries the rank of its customer.
-- Reads: payrec_scores, payrec_runs. Key: payrec_customers (run_id, customer_id, ev_currency).
-- Units: money in units of ev_currency with two decimals, times in UTC without zone, ages in days.

CREATE TABLE payrec_customers (
    run_id             VARCHAR(64)  NOT NULL,
    as_of              TIMESTAMP    NOT NULL,
    customer_id        VARCHAR(200) NOT NULL,
    rank               BIGINT,
    priority_flag      SMALLINT     NOT NULL,
    suppressed_reason  VARCHAR(100),
    suppressed_also    VARCHAR(1000),
    lifted_by          VARCHAR(1000),
    owner              VARCHAR(200),
    channel            VARCHAR(200),
    contact_from       TIMESTAMP,
    ev_currency        VARCHAR(10)  NOT NULL,
    ev_recovered       DECIMAL(18, 2),
    net_value          DECIMAL(18, 2),
    outstanding_value  DECIMAL(18, 2),
    overdue_value      DECIMAL(18, 2),
    aged_current       DECIMAL(18, 2),
    aged_1_30          DECIMAL(18, 2),
    aged_31_60         DECIMAL(18, 2),
    aged_61_90         DECIMAL(18, 2),
    aged_over_90       DECIMAL(18, 2),
    disputed_value     DECIMAL(18, 2),
    orders_open        BIGINT       NOT NULL,
    orders_ranked      BIGINT       NOT NULL,
    orders_left_alone  BIGINT       NOT NULL,
    oldest_age_days    BIGINT,
    top_order_id       VARCHAR(200),
    reason_1           VARCHAR(1000),
    reason_2           VARCHAR(1000),
    reason_3           VARCHAR(1000),
    reason_category    VARCHAR(100),
    suggested_action   VARCHAR(100),
    last_contact_at    TIMESTAMP,
    contacts_in_window BIGINT,
    promised_until     TIMESTAMP,
    promised_amount    DECIMAL(18, 2),
    model_id           VARCHAR(64),
    scored_at          TIMESTAMP,
    PRIMARY KEY (run_id, customer_id, ev_currency)
);

DROP VIEW payrec_worklist;

ALTER TABLE payrec_scores ADD COLUMN customer_rank BIGINT;

-- the list that is served now: the one published last
CREATE VIEW payrec_worklist AS
SELECT
    s.run_id, s.as_of, s.order_id, s.customer_id, s.amount, s.currency, s.outstanding, s.p_recover_30d, s.ev_recovered,
    s.rank, s.priority_flag, s.suppressed_reason, s.reason_1, s.reason_2, s.reason_3, s.model_id, s.scored_at,
    s.horizon_days, s.ev_currency, s.outstanding_value, s.net_value, s.age_days, s.reason_category, s.suggested_action,
    s.channel, s.owner, s.contact_from, s.suppressed_also, s.lifted_by, s.provider, s.payment_method, s.country,
    s.reason_code, s.customer_rank
FROM payrec_scores AS s
JOIN payrec_runs AS r ON r.run_id = s.run_id
WHERE r.published_no = (SELECT MAX(published_no) FROM payrec_runs);
