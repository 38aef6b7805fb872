-- What people did with a customer: one row per action; rows are added, and never changed. Spark; as 08_actions.postgres.sql.
-- Reads: nothing. Key: action_id, made by the caller. Each column as in publish/actions.py; order_ids is a JSON list.
-- Units: times in UTC without zone, amount in units of currency. Spark knows no sign-in: recorded_by stays NULL.

CREATE TABLE payrec_actions (
    action_id   VARCHAR(36)   NOT NULL PRIMARY KEY,
    at          TIMESTAMP     NOT NULL,
    by          VARCHAR(200)  NOT NULL,
    customer_id VARCHAR(200)  NOT NULL,
    kind        VARCHAR(20)   NOT NULL,
    order_ids   VARCHAR       NOT NULL,
    channel     VARCHAR(200),
    outcome     VARCHAR(200),
    amount      DECIMAL(18, 2) CHECK (amount > 0),
    currency    VARCHAR(200),
    until       DATE,
    note        VARCHAR(1000),
    recorded_at TIMESTAMP     NOT NULL,
    recorded_by VARCHAR(200)
);
