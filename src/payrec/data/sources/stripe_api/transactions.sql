-- One row is one obligation: an invoice, else a payment intent, else a charge.
-- Reads latest_invoices and linked_charges; key order_id. An invoice that is in both is taken from latest_invoices.
-- Amounts become units of their currency; times are UTC.
WITH
first_charge AS (
    SELECT
        order_id, MIN(customer) AS customer, MIN(email) AS email, ARG_MIN(currency, (created, amount, id)) AS currency,
        ARG_MIN(amount, (created, amount, id)) AS amount, MIN(created) AS created,
        ARG_MIN(method, (created, amount, id)) AS method, ARG_MIN(country, (created, amount, id)) AS country
    FROM linked_charges
    GROUP BY order_id
),
obligation AS (
    SELECT
        COALESCE(i.id, c.order_id) AS order_id, COALESCE(i.customer, c.customer) AS customer,
        COALESCE(i.email, c.email) AS email, COALESCE(i.currency, c.currency) AS currency,
        COALESCE(CAST(i.amount_minor AS VARCHAR), c.amount) AS amount, COALESCE(i.created, c.created) AS created, i.due,
        i.amount_remaining, i.status, i.known, COALESCE(c.method, i.collection) AS method,
        COALESCE(c.country, i.country) AS country, i.billing_reason
    FROM latest_invoices AS i
    FULL JOIN first_charge AS c ON c.order_id = i.id
)
SELECT
    order_id,
    COALESCE(customer, 'email-' || SHA256(email), 'guest-' || order_id) AS customer_id,
    'stripe' AS provider,
    method AS payment_method,
    currency,
    IN_UNITS(amount, STRIPE_DIGITS(currency)) AS amount,
    country,
    billing_reason AS transaction_type,
    LEFT(created, 10) AS invoice_date,
    CAST(NULL AS VARCHAR) AS payment_date,
    LEFT(due, 10) AS due_date,
    CASE
        WHEN status IN ('void', 'uncollectible') THEN NULL
        ELSE IN_UNITS(amount_remaining, STRIPE_DIGITS(currency))
    END AS outstanding,
    status,
    known AS stated_at
FROM obligation
ORDER BY order_id
