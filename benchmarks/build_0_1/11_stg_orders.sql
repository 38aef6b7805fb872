-- One row per order: what is fixed when it is made, and when it became known.
-- Reads raw_transactions, known_at_creation. Key order_id.
-- Units: amount_minor in hundredths of the currency's unit; known_at, due_at in UTC, a date being known at its end.
-- Rows of an order come from its own raw rows alone.

CREATE TABLE stg_orders AS
WITH declared AS (
    SELECT
        COUNT(*) FILTER (WHERE column_name = 'reason_code') AS knows_reason,
        COUNT(*) FILTER (WHERE column_name = 'result_status') AS knows_status
    FROM known_at_creation
)
SELECT
    t.order_id, t.customer_id, t.currency, t.amount,
    CAST(ROUND(t.amount * 100) AS BIGINT) AS amount_minor,
    t.provider, t.payment_method, t.country, t.device, t.transaction_type,
    CASE WHEN d.knows_reason > 0 THEN t.reason_code END AS reason_at_creation,
    CASE WHEN d.knows_status > 0
          AND LOWER(t.result_status) IN ('success', 'succeeded', 'successful', 'approved', 'captured', 'paid')
        THEN 1 ELSE 0 END AS succeeded_at_creation,
    CAST(t.invoice_date AS TIMESTAMP) + INTERVAL '1' DAY AS known_at,
    CAST(t.due_date AS TIMESTAMP) AS due_at
FROM raw_transactions AS t
CROSS JOIN declared AS d;
