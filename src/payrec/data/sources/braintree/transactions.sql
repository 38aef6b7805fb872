-- One row is one obligation: an order id, else a sale.
-- Reads latest_sales; key order_id.
-- Amounts are text in major units.
SELECT
    order_id,
    MIN(customer_id) AS customer_id,
    'braintree' AS provider,
    ARG_MIN(method, (created, id)) AS payment_method,
    ARG_MIN(currency, (created, id)) AS currency,
    ARG_MIN(amount, (created, id)) AS amount,
    ARG_MIN(country, (created, id)) AS country,
    LEFT(MIN(created), 10) AS invoice_date,
    CAST(NULL AS VARCHAR) AS payment_date
FROM latest_sales
WHERE type = 'sale'
GROUP BY order_id
ORDER BY order_id
