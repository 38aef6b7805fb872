-- One row is one obligation: an invoice, else a payment intent, else a charge.
-- Reads latest_charges and invoices; key order_id. An invoice that is in both is taken from invoices.
-- Amounts are text in major units as exported; times are UTC.
WITH
first_charge AS (
    SELECT
        order_id, MIN(customer) AS customer, MIN(email) AS email, ARG_MIN(currency, (created, amount)) AS currency,
        ARG_MIN(amount, (created, amount)) AS amount, MIN(created) AS created,
        ARG_MIN(method, (created, amount)) AS method, ARG_MIN(country, (created, amount)) AS country,
        MAX_BY(card_name, (created, id)) AS card_name
    FROM latest_charges
    GROUP BY order_id
),
newest_invoice AS (
    SELECT * FROM invoices
    QUALIFY ROW_NUMBER() OVER (PARTITION BY id ORDER BY file_number DESC, line DESC) = 1
),
obligation AS (
    SELECT
        COALESCE(i.id, c.order_id) AS order_id, COALESCE(i.customer, c.customer) AS customer,
        COALESCE(LOWER(TRIM(i.email)), c.email) AS email, COALESCE(UPPER(i.currency), c.currency) AS currency,
        COALESCE(i.amount_due, c.amount) AS amount, COALESCE(i.finalized, i.created, c.created) AS created, i.due,
        i.amount_remaining, LOWER(i.status) AS status, c.method, c.country, i.customer_name, c.card_name
    FROM newest_invoice AS i
    FULL JOIN first_charge AS c ON c.order_id = i.id
)
SELECT *, COALESCE(customer, 'email-' || SHA256(email), 'guest-' || order_id) AS customer_id
FROM obligation
