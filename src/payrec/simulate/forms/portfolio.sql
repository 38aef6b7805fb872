-- Views of a simulated portfolio that the files of all sources are written from.
-- Read orders and events, the simulated raw tables. A customer_id with @ is a guest who is known by e-mail alone, and has no name.
-- Amounts in units; minor: as a whole number of Stripe's or ISO's minor units.
CREATE MACRO digits(currency) AS
    CASE WHEN currency = 'JPY' THEN 0 WHEN currency = 'KWD' THEN 3 ELSE 2 END;
CREATE MACRO minor(amount, currency) AS
    CAST(ROUND(amount * CASE digits(currency) WHEN 0 THEN 1 WHEN 3 THEN 1000 ELSE 100 END) AS BIGINT);
CREATE MACRO epoch_s(moment) AS CAST(EPOCH(moment) AS BIGINT);
CREATE MACRO second(moment) AS STRFTIME(moment, '%Y-%m-%d %H:%M:%S');

-- One row is one attempt that failed, or one payment.
CREATE VIEW charge AS
SELECT
    e.event_id, e.order_id, e.event_ts, COALESCE(e.amount, o.amount) AS amount,
    COALESCE(e.currency, o.currency) AS currency, e.reason_code, e.event_type = 'payment' AS is_paid,
    ROW_NUMBER() OVER (PARTITION BY e.order_id ORDER BY e.event_ts, e.event_id) AS number
FROM events AS e
JOIN orders AS o ON o.order_id = e.order_id
WHERE e.event_type = 'payment' OR (e.event_type = 'attempt' AND e.reason_code IS NOT NULL);

-- One row is one refund of an order that was paid, with the first payment of the order.
CREATE VIEW refund AS
SELECT e.event_id, e.order_id, e.event_ts, e.amount, o.currency, p.event_id AS payment_id
FROM events AS e
JOIN orders AS o ON o.order_id = e.order_id
JOIN (SELECT order_id, ARG_MIN(event_id, (event_ts, event_id)) AS event_id FROM charge WHERE is_paid GROUP BY order_id) AS p
    ON p.order_id = e.order_id
WHERE e.event_type = 'refund';

-- One row is one dispute of an order that was paid; closed: when it ended without a chargeback.
CREATE VIEW dispute AS
SELECT
    e.event_id, e.order_id, e.event_ts, o.amount, o.currency, p.payment_id,
    (
        SELECT MIN(c.event_ts) FROM events AS c
        WHERE c.order_id = e.order_id AND c.event_type = 'dispute_closed' AND c.event_ts > e.event_ts
    ) AS closed,
    e.order_id IN (SELECT order_id FROM events WHERE event_type = 'chargeback') AS is_lost
FROM events AS e
JOIN orders AS o ON o.order_id = e.order_id
JOIN (SELECT order_id, MIN(event_id) AS payment_id FROM charge WHERE is_paid GROUP BY order_id) AS p
    ON p.order_id = e.order_id
WHERE e.event_type = 'dispute_opened'
QUALIFY ROW_NUMBER() OVER (PARTITION BY e.order_id ORDER BY e.event_ts) = 1;

-- One row is one order with its facts. is_direct: a payment without an invoice, whose charges are all of its amount.
-- stripe_id: its id as an invoice, else as a payment intent of Stripe.
CREATE VIEW obligation AS
SELECT *, CASE WHEN is_direct THEN 'pi_' ELSE 'in_' END || order_id AS stripe_id
FROM (
WITH fact AS (
    SELECT
        order_id, MIN(event_ts) FILTER (WHERE event_type = 'void') AS voided,
        MIN(event_ts) FILTER (WHERE event_type = 'write_off' AND amount IS NULL) AS written_off,
        COALESCE(SUM(amount) FILTER (WHERE event_type = 'credit'), 0) AS credited
    FROM events
    GROUP BY order_id
),
charged AS (
    SELECT
        order_id, BOOL_OR(is_paid) AS has_payment, MAX(event_ts) FILTER (WHERE is_paid) AS paid_at,
        COALESCE(SUM(amount) FILTER (WHERE is_paid), 0) AS paid,
        MIN(amount) AS least, MAX(amount) AS most, COUNT(DISTINCT currency) AS currencies
    FROM charge
    GROUP BY order_id
)
SELECT
    o.order_id, CASE WHEN o.customer_id NOT LIKE '%@%' THEN o.customer_id END AS customer_id,
    CASE WHEN o.customer_id LIKE '%@%' THEN o.customer_id ELSE LOWER(o.customer_id) || '@example.com' END AS email,
    CASE WHEN o.customer_id NOT LIKE '%@%' THEN 'Customer ' || o.customer_id END AS name, o.currency, o.amount, o.country,
    COALESCE(o.payment_method, 'card') AS method, o.transaction_type, o.invoice_date, o.due_date, o.outstanding,
    CASE
        WHEN f.voided IS NOT NULL THEN 'void'
        WHEN f.written_off IS NOT NULL THEN 'uncollectible'
        WHEN o.status IN ('paid', 'refunded') OR o.outstanding <= 0 THEN 'paid'
        ELSE 'open'
    END AS state,
    f.voided, f.written_off, COALESCE(f.credited, 0) AS credited, COALESCE(c.paid, 0) AS paid, c.paid_at,
    COALESCE(
        o.transaction_type = 'one_off' AND f.voided IS NULL AND f.written_off IS NULL AND f.credited = 0
        AND c.least = o.amount AND c.most = o.amount AND c.currencies = 1,
        FALSE
    ) AS is_direct
FROM orders AS o
LEFT JOIN fact AS f ON f.order_id = o.order_id
LEFT JOIN charged AS c ON c.order_id = o.order_id
) AS o;

-- One row is one order that was charged, always for all of its amount, and paid at most once, after all failures.
CREATE VIEW simple AS
SELECT o.*
FROM obligation AS o
JOIN (
    SELECT
        order_id, COUNT(*) FILTER (WHERE is_paid) AS payments, MAX(number) FILTER (WHERE is_paid) AS paid_number,
        MAX(number) AS last_number, MIN(amount) AS least, MAX(amount) AS most, MIN(currency) AS currency,
        MAX(currency) AS other_currency
    FROM charge
    GROUP BY order_id
) AS c ON c.order_id = o.order_id
WHERE c.least = o.amount AND c.most = o.amount AND c.currency = o.currency AND c.other_currency = o.currency
    AND (c.payments = 0 OR (c.payments = 1 AND c.paid_number = c.last_number));
