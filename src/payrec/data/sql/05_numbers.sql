-- One row per order id, per account (a customer's orders in one currency), and per reason code, channel, currency and type of events: its number.
-- Reads raw_transactions, raw_events. Keys: order_numbers (order_id), accounts (customer_id, currency), reason_numbers (reason_code), channel_numbers (channel), currency_numbers (currency), event_types (kind).
-- Units: numbers count from 1; a row that has a number keeps it, new ones follow. A customer's number is that of its first account.
-- Why: the layers join, sort and store integers, which costs a tenth of the same on text; ids and codes come back in v_feature_view.
-- Example: customer ann owes in EUR and USD, bob in EUR: accounts 1 and 2 of customer 1, account 3 of customer 3.
-- When ann's first order in GBP is loaded, that is account 4 of customer 1.

CREATE TABLE IF NOT EXISTS order_numbers (order_id VARCHAR(200) NOT NULL, order_no INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS accounts (
    customer_id VARCHAR(200) NOT NULL, currency VARCHAR(10) NOT NULL, account_no INTEGER NOT NULL, customer_no INTEGER NOT NULL
);
CREATE TABLE IF NOT EXISTS reason_numbers (reason_code VARCHAR(200) NOT NULL, reason_no INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS channel_numbers (channel VARCHAR(200) NOT NULL, channel_no INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS currency_numbers (currency VARCHAR(10) NOT NULL, currency_no INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS event_types (kind SMALLINT NOT NULL, event_type VARCHAR(20) NOT NULL);

-- numbered by customer, so that a customer's orders lie next to each other; events of orders that were not loaded come last
INSERT INTO order_numbers (order_id, order_no)
WITH unnumbered AS (
    SELECT t.order_id, t.customer_id
    FROM raw_transactions AS t
    WHERE NOT EXISTS (SELECT 1 FROM order_numbers AS n WHERE n.order_id = t.order_id)
    UNION ALL
    SELECT DISTINCT e.order_id, CAST(NULL AS VARCHAR(200))
    FROM raw_events AS e
    WHERE NOT EXISTS (SELECT 1 FROM raw_transactions AS t WHERE t.order_id = e.order_id)
      AND NOT EXISTS (SELECT 1 FROM order_numbers AS n WHERE n.order_id = e.order_id)
),
numbered AS (
    SELECT COALESCE(MAX(order_no), 0) AS last_no FROM order_numbers
)
SELECT u.order_id, CAST(n.last_no + ROW_NUMBER() OVER (ORDER BY u.customer_id NULLS LAST, u.order_id) AS INTEGER)
FROM unnumbered AS u
CROSS JOIN numbered AS n;

INSERT INTO accounts (customer_id, currency, account_no, customer_no)
WITH unnumbered AS (
    SELECT DISTINCT t.customer_id, t.currency
    FROM raw_transactions AS t
    WHERE NOT EXISTS (SELECT 1 FROM accounts AS a WHERE a.customer_id = t.customer_id AND a.currency = t.currency)
),
numbered AS (
    SELECT COALESCE(MAX(account_no), 0) AS last_no FROM accounts
),
customers AS (
    SELECT customer_id, MIN(customer_no) AS customer_no FROM accounts GROUP BY customer_id
),
added AS (
    SELECT
        u.customer_id, u.currency,
        CAST(n.last_no + ROW_NUMBER() OVER (ORDER BY u.customer_id, u.currency) AS INTEGER) AS account_no
    FROM unnumbered AS u
    CROSS JOIN numbered AS n
)
SELECT a.customer_id, a.currency, a.account_no, COALESCE(c.customer_no, MIN(a.account_no) OVER (PARTITION BY a.customer_id))
FROM added AS a
LEFT JOIN customers AS c ON c.customer_id = a.customer_id;

INSERT INTO reason_numbers (reason_code, reason_no)
WITH reasons AS (
    SELECT DISTINCT reason_code FROM raw_events WHERE reason_code IS NOT NULL
    UNION
    SELECT DISTINCT reason_code FROM raw_transactions WHERE reason_code IS NOT NULL
),
unnumbered AS (
    SELECT r.reason_code
    FROM reasons AS r
    WHERE NOT EXISTS (SELECT 1 FROM reason_numbers AS n WHERE n.reason_code = r.reason_code)
),
numbered AS (
    SELECT COALESCE(MAX(reason_no), 0) AS last_no FROM reason_numbers
)
SELECT u.reason_code, CAST(n.last_no + ROW_NUMBER() OVER (ORDER BY u.reason_code NULLS LAST) AS INTEGER)
FROM unnumbered AS u
CROSS JOIN numbered AS n;

INSERT INTO channel_numbers (channel, channel_no)
WITH unnumbered AS (
    SELECT DISTINCT e.channel
    FROM raw_events AS e
    WHERE e.channel IS NOT NULL AND NOT EXISTS (SELECT 1 FROM channel_numbers AS n WHERE n.channel = e.channel)
),
numbered AS (
    SELECT COALESCE(MAX(channel_no), 0) AS last_no FROM channel_numbers
)
SELECT u.channel, CAST(n.last_no + ROW_NUMBER() OVER (ORDER BY u.channel NULLS LAST) AS INTEGER)
FROM unnumbered AS u
CROSS JOIN numbered AS n;

INSERT INTO currency_numbers (currency, currency_no)
WITH unnumbered AS (
    SELECT DISTINCT e.currency
    FROM raw_events AS e
    WHERE e.currency IS NOT NULL AND NOT EXISTS (SELECT 1 FROM currency_numbers AS n WHERE n.currency = e.currency)
),
numbered AS (
    SELECT COALESCE(MAX(currency_no), 0) AS last_no FROM currency_numbers
)
SELECT u.currency, CAST(n.last_no + ROW_NUMBER() OVER (ORDER BY u.currency NULLS LAST) AS INTEGER)
FROM unnumbered AS u
CROSS JOIN numbered AS n;

INSERT INTO event_types (kind, event_type)
WITH kinds AS (
    SELECT 1 AS kind, 'attempt' AS event_type
    UNION ALL SELECT 2, 'payment' UNION ALL SELECT 3, 'refund' UNION ALL SELECT 4, 'chargeback' UNION ALL SELECT 5, 'dispute_opened'
    UNION ALL SELECT 6, 'dispute_closed' UNION ALL SELECT 7, 'contact' UNION ALL SELECT 8, 'promise' UNION ALL SELECT 9, 'credit'
    UNION ALL SELECT 10, 'write_off' UNION ALL SELECT 11, 'opt_out' UNION ALL SELECT 12, 'pending' UNION ALL SELECT 13, 'return'
    UNION ALL SELECT 14, 'void' UNION ALL SELECT 15, 'snooze'
)
SELECT CAST(k.kind AS SMALLINT), k.event_type
FROM kinds AS k
WHERE NOT EXISTS (SELECT 1 FROM event_types);
