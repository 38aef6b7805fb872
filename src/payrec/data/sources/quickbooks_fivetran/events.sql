-- One row is one payment of an invoice, or the part of it that credit memos pay.
-- Reads payments and lines; key event_id. credit_left: what is left of the credit memos of a payment before an invoice.
-- Amounts are text in major units; a day counts to its end.
WITH
paid AS (
    SELECT id, LEFT(day, 10) AS day, currency FROM payments
    QUALIFY ROW_NUMBER() OVER (PARTITION BY id ORDER BY file_number DESC, line DESC) = 1
),
line AS (
    SELECT
        payment, invoice, SUM(CAST(amount AS DECIMAL(18, 3))) AS amount,
        SUM(SUM(CASE WHEN invoice IS NULL THEN CAST(amount AS DECIMAL(18, 3)) ELSE 0 END)) OVER (PARTITION BY payment) AS credit
    FROM lines
    GROUP BY payment, invoice
),
applied AS (
    SELECT
        payment, invoice, amount, GREATEST(credit - (SUM(amount) OVER earlier - amount), 0) AS credit_left
    FROM line
    WHERE invoice IS NOT NULL
    WINDOW earlier AS (PARTITION BY payment ORDER BY invoice)
),
facts AS (
    SELECT payment, invoice, 'payment' AS event_type, amount - LEAST(credit_left, amount) AS amount FROM applied
    UNION ALL
    SELECT payment, invoice, 'credit', LEAST(credit_left, amount) FROM applied
)
SELECT
    payment || ':' || invoice || CASE f.event_type WHEN 'credit' THEN ':credit' ELSE '' END AS event_id, invoice AS order_id,
    p.day AS event_ts, f.event_type, CAST(f.amount AS VARCHAR) AS amount, p.currency
FROM facts AS f
JOIN paid AS p ON p.id = f.payment
WHERE f.amount > 0
ORDER BY event_ts, event_id
