-- Raw tables as they are handed in (keys and rules stated here), and the policy tables whose rows are the parameters.
-- Reads: nothing. Keys: raw_transactions (order_id), raw_events (event_id), fx_rates (currency, rate_date), raw_customers (customer_id).
-- Units: amounts in units of their currency with two decimals; times UTC without zone; dates are days, known at their end.
-- stated_at: when status, outstanding and the other final columns were true; empty: the end of the observed data.
-- source_account: the source, or the account of it, whose export the order is in; empty: a file of no source.

CREATE TABLE IF NOT EXISTS raw_transactions (
    order_id         VARCHAR(200)   NOT NULL PRIMARY KEY,
    customer_id      VARCHAR(200)   NOT NULL,
    provider         VARCHAR(200),
    payment_method   VARCHAR(200),
    currency         VARCHAR(10)    NOT NULL CHECK (currency <> ''),
    amount           DECIMAL(18, 2) NOT NULL,
    country          VARCHAR(200),
    device           VARCHAR(200),
    transaction_type VARCHAR(200),
    result_status    VARCHAR(200),
    reason_code      VARCHAR(200),
    auth_ts          TIMESTAMP,
    capture_ts       TIMESTAMP,
    retries          INTEGER,
    chargeback_flag  SMALLINT,
    invoice_date     DATE           NOT NULL,
    payment_date     DATE,
    due_date         DATE,
    outstanding      DECIMAL(18, 2),
    status           VARCHAR(200),
    stated_at        TIMESTAMP,
    source_account   VARCHAR(200)
);

CREATE TABLE IF NOT EXISTS raw_events (
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

CREATE TABLE IF NOT EXISTS fx_rates (
    currency          VARCHAR(10)    NOT NULL,
    rate_date         DATE           NOT NULL,
    rate_to_reporting DECIMAL(18, 8) NOT NULL CHECK (rate_to_reporting > 0),
    PRIMARY KEY (currency, rate_date)
);

-- Who is called, and how; never a feature. do_not_contact: 1 suppresses the customer. owner: who works it, unless the policy or an action says so.
CREATE TABLE IF NOT EXISTS raw_customers (
    customer_id    VARCHAR(200) NOT NULL PRIMARY KEY,
    name           VARCHAR(200),
    email          VARCHAR(200),
    phone          VARCHAR(200),
    language       VARCHAR(200),
    time_zone      VARCHAR(200),
    segment        VARCHAR(200),
    parent_id      VARCHAR(200),
    owner          VARCHAR(200),
    do_not_contact SMALLINT,
    updated_ts     TIMESTAMP
);

-- as_of times to score at; landmark ages to train at, below 0 before the due date; the time before which no landmark is made (no row: none); the horizon; the declared end of the observed data (no row: latest known fact);
-- where payments are known from ('events' or 'dates'; no row: dates); columns declared to be known when the order is made.
CREATE TABLE IF NOT EXISTS as_of_dates (as_of TIMESTAMP NOT NULL PRIMARY KEY);
CREATE TABLE IF NOT EXISTS landmarks (age_days INTEGER NOT NULL PRIMARY KEY CHECK (age_days >= -365));
CREATE TABLE IF NOT EXISTS landmarks_since (since TIMESTAMP NOT NULL PRIMARY KEY);
-- Where training uses fewer snapshots than there are: the share of the orders that get landmarks, and which (no row of sample_share: all).
CREATE TABLE IF NOT EXISTS sample_share (max_snapshots BIGINT NOT NULL PRIMARY KEY, seed BIGINT NOT NULL, share DECIMAL(10, 9) NOT NULL);
CREATE TABLE IF NOT EXISTS sampled_orders (order_no INTEGER NOT NULL PRIMARY KEY);
CREATE TABLE IF NOT EXISTS horizon (days INTEGER NOT NULL PRIMARY KEY CHECK (days > 0));
CREATE TABLE IF NOT EXISTS observed_until (until TIMESTAMP NOT NULL PRIMARY KEY);
CREATE TABLE IF NOT EXISTS payment_source (source VARCHAR(10) NOT NULL PRIMARY KEY CHECK (source IN ('events', 'dates')));
CREATE TABLE IF NOT EXISTS known_at_creation (column_name VARCHAR(50) NOT NULL PRIMARY KEY);
CREATE TABLE IF NOT EXISTS reporting_currency (currency VARCHAR(10) NOT NULL PRIMARY KEY);

-- The hash of the raw rows that the layers were last built from.
CREATE TABLE IF NOT EXISTS built_from (inputs_sha256 VARCHAR(64) NOT NULL PRIMARY KEY);

-- The number of the build that stands: one more with every build, so that a reader sees when the layers were replaced.
CREATE TABLE IF NOT EXISTS build_number (build_no BIGINT NOT NULL PRIMARY KEY);

-- Erased customers that loads leave out, and their orders, as keyed hashes; customer_hash: whose order it is.
CREATE TABLE IF NOT EXISTS kept_out (id_hash VARCHAR(64) NOT NULL PRIMARY KEY, customer_hash VARCHAR(64) NOT NULL, key_hash VARCHAR(64) NOT NULL);
