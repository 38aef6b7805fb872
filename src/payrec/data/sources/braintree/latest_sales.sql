-- One row is one sale or refund, with the order it is for. Of several files the last counts.
-- Reads sales; key id.
-- Amounts are text in major units; times carry the offset of their zone.
WITH
latest AS (
    SELECT * FROM sales
    QUALIFY ROW_NUMBER() OVER (PARTITION BY id ORDER BY file_number DESC, line DESC) = 1
),
linked AS (
    SELECT
        s.id, s.type, COALESCE(s.order_number, r.order_number, s.refunded, s.id) AS order_id, s.amount,
        UPPER(s.currency) AS currency, s.customer, LOWER(TRIM(s.email)) AS email,
        COALESCE(s.company, FULL_NAME(s.first_name, s.last_name)) AS name, s.phone, LOWER(s.method) AS method, s.country,
        COALESCE(s.rejection, s.reason) AS reason,
        IN_ZONE(REGEXP_REPLACE(s.created, '^(\d\d)/(\d\d)/(\d{4}) ', '\3-\1-\2 '), s.zone) AS created,
        CASE
            WHEN s.type = 'credit' THEN 'refund'
            WHEN s.status IN ('authorized', 'authorizing') THEN 'pending'
            WHEN s.status IN ('settled', 'settling', 'submitted_for_settlement', 'settlement_pending', 'settlement_confirmed')
                THEN 'payment'
            ELSE 'attempt'
        END AS event_type
    FROM latest AS s
    LEFT JOIN latest AS r ON r.id = s.refunded
)
SELECT
    *,
    COALESCE(
        MIN(customer) FILTER (WHERE type = 'sale') OVER same, 'email-' || SHA256(MIN(email) FILTER (WHERE type = 'sale') OVER same),
        'guest-' || order_id
    ) AS customer_id
FROM linked
WINDOW same AS (PARTITION BY order_id)
