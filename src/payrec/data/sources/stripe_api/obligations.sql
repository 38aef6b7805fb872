-- One row is one obligation: an invoice, else a payment intent, else a charge.
-- Reads latest_invoices and linked_charges; key order_id. An invoice that is in both is taken from latest_invoices.
-- Amounts are text in minor units; times are UTC.
WITH
first_charge AS (
    SELECT
        order_id, MIN(customer) AS customer, MIN(email) AS email, ARG_MIN(currency, (created, amount, id)) AS currency,
        ARG_MIN(amount, (created, amount, id)) AS amount, MIN(created) AS created,
        ARG_MIN(method, (created, amount, id)) AS method, ARG_MIN(country, (created, amount, id)) AS country,
        MAX_BY(name, (created, id)) AS name, MAX_BY(phone, (created, id)) AS phone
    FROM linked_charges
    GROUP BY order_id
),
obligation AS (
    SELECT
        COALESCE(i.id, c.order_id) AS order_id, COALESCE(i.customer, c.customer) AS customer,
        COALESCE(i.email, c.email) AS email, COALESCE(i.currency, c.currency) AS currency,
        COALESCE(CAST(i.amount_minor AS VARCHAR), c.amount) AS amount, COALESCE(i.created, c.created) AS created, i.due,
        i.amount_remaining, i.status, i.known, COALESCE(c.method, i.collection) AS method,
        COALESCE(c.country, i.country) AS country, i.billing_reason, COALESCE(i.name, c.name) AS name,
        COALESCE(i.phone, c.phone) AS phone
    FROM latest_invoices AS i
    FULL JOIN first_charge AS c ON c.order_id = i.id
)
SELECT *, COALESCE(customer, 'email-' || SHA256(email), 'guest-' || order_id) AS customer_id
FROM obligation
