-- One row per order: its numbers, what is fixed from its start, when it became known, and from when its age counts.
-- Reads raw_transactions, known_at_creation, order_numbers, accounts, reason_numbers. Key order_no.
-- Units: amount_minor in hundredths of the currency's unit; times in UTC, a date being known at its end.
-- clock_at: the end of the due date, but not before the order itself.
-- Rows of an order come from its own raw rows alone.

CREATE TABLE stg_orders AS
WITH declared AS (
    SELECT
        COUNT(*) FILTER (WHERE column_name = 'reason_code') AS knows_reason,
        COUNT(*) FILTER (WHERE column_name = 'result_status') AS knows_status
    FROM known_at_creation
)
SELECT
    n.order_no, a.customer_no, a.account_no, t.order_id, t.currency, t.amount,
    CAST(ROUND(t.amount * 100) AS BIGINT) AS amount_minor,
    t.provider, t.payment_method, t.country, t.device, t.transaction_type,
    CASE WHEN d.knows_reason > 0 THEN r.reason_no END AS reason_no_at_creation,
    CASE WHEN d.knows_status > 0
          AND LOWER(t.result_status) IN ('success', 'succeeded', 'successful', 'approved', 'captured', 'paid')
        THEN 1 ELSE 0 END AS succeeded_at_creation,
    CAST(t.invoice_date AS TIMESTAMP) + INTERVAL '1' DAY AS known_at,
    CAST(t.due_date AS TIMESTAMP) AS due_at,
    GREATEST(CAST(t.invoice_date AS TIMESTAMP), CAST(t.due_date AS TIMESTAMP)) + INTERVAL '1' DAY AS clock_at
FROM raw_transactions AS t
CROSS JOIN declared AS d
JOIN order_numbers AS n ON n.order_id = t.order_id
JOIN accounts AS a ON a.customer_id = t.customer_id AND a.currency = t.currency
LEFT JOIN reason_numbers AS r ON r.reason_code = t.reason_code;
