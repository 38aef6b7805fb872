-- Experiments: one row per start or stop; who was contacted or held out: one row per customer and epoch, and its orders.
-- Reads: nothing. Keys: payrec_experiments (experiment_id, change), payrec_assignments (experiment_id, customer_id, epoch),
-- payrec_assigned_orders (experiment_id, customer_id, epoch, order_id). Rows are added and never changed.
-- Units: money in units of ev_currency with two decimals, times in UTC without zone, shares and probabilities from 0 to 1.

CREATE TABLE payrec_experiments (
    experiment_id VARCHAR(64)   NOT NULL,
    change        VARCHAR(10)   NOT NULL CHECK (change IN ('start', 'stop')),
    changed_at    TIMESTAMP     NOT NULL,
    who           VARCHAR(200)  NOT NULL,
    settings      VARCHAR(4000) NOT NULL, -- JSON: seed, share, explore_share, max_amount, horizon_days, planned_customers
    PRIMARY KEY (experiment_id, change)
);

CREATE TABLE payrec_assignments (
    experiment_id VARCHAR(64)      NOT NULL,
    customer_id   VARCHAR(200)     NOT NULL,
    epoch         BIGINT           NOT NULL,
    random_number DOUBLE PRECISION NOT NULL,
    arm           VARCHAR(10)      NOT NULL CHECK (arm IN ('contact', 'hold')),
    propensity    DOUBLE PRECISION NOT NULL, -- of the arm contact
    stratum       VARCHAR(20)      NOT NULL,
    rank_if_free  BIGINT           NOT NULL,
    as_of         TIMESTAMP        NOT NULL,
    run_id        VARCHAR(64)      NOT NULL,
    assigned_at   TIMESTAMP        NOT NULL,
    PRIMARY KEY (experiment_id, customer_id, epoch)
);

-- what each assigned customer owed, and what was expected of it, before anyone was contacted or held out
CREATE TABLE payrec_assigned_orders (
    experiment_id     VARCHAR(64)      NOT NULL,
    customer_id       VARCHAR(200)     NOT NULL,
    epoch             BIGINT           NOT NULL,
    order_id          VARCHAR(200)     NOT NULL,
    as_of             TIMESTAMP        NOT NULL,
    outstanding_value DECIMAL(18, 2)   NOT NULL,
    ev_currency       VARCHAR(10)      NOT NULL,
    p_recover         DOUBLE PRECISION NOT NULL,
    features          VARCHAR, -- JSON: what the effect of a contact may depend on, as the model saw it
    PRIMARY KEY (experiment_id, customer_id, epoch, order_id)
);

ALTER TABLE payrec_customers ADD COLUMN arm VARCHAR(10);
ALTER TABLE payrec_customers ADD COLUMN rank_if_free BIGINT;
