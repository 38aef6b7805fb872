-- One row is one charge in its latest state, with the order that it is for: an invoice, else a payment intent, else itself.
-- Reads payments; key id. Of several files the last counts.
-- Amounts are text in major units as exported; times are UTC.
SELECT
    id, COALESCE(invoice, intent, id) AS order_id, created, amount, amount_refunded, UPPER(currency) AS currency, status,
    customer, LOWER(TRIM(email)) AS email, card_name, COALESCE(method, 'card') AS method, country, refunded, disputed,
    evidence_due, disputed_amount, dispute_reason, REPLACE(LOWER(dispute_status), ' ', '_') AS dispute_status,
    COALESCE(
        decline_reason, NULLIF(REGEXP_EXTRACT(seller_message, 'decline code [`"'']?([a-z0-9_]+)', 1), '')
    ) AS reason_code
FROM payments
QUALIFY ROW_NUMBER() OVER (PARTITION BY id ORDER BY file_number DESC, line DESC) = 1
