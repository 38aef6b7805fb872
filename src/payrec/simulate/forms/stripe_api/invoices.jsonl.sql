-- One row is one invoice. A credit note lowers amount_due; an invoice that is void or uncollectible keeps what was left.
-- Reads obligation; key id.
SELECT
    stripe_id AS id, 'invoice' AS object, minor(amount - credited, currency) AS amount_due,
    minor(LEAST(paid, amount), currency) AS amount_paid, minor(outstanding, currency) AS amount_remaining,
    minor(credited, currency) AS pre_payment_credit_notes_amount, epoch_s(CAST(invoice_date AS TIMESTAMP)) AS created,
    LOWER(currency) AS currency, customer_id AS customer, email AS customer_email,
    epoch_s(CAST(due_date AS TIMESTAMP)) AS due_date, state AS status, 'send_invoice' AS collection_method,
    transaction_type AS billing_reason, country AS account_country, TRUE AS livemode,
    {
        'finalized_at': epoch_s(CAST(invoice_date AS TIMESTAMP)), 'paid_at': epoch_s(paid_at),
        'marked_uncollectible_at': epoch_s(written_off), 'voided_at': epoch_s(voided)
    } AS status_transitions
FROM obligation
WHERE NOT is_direct
ORDER BY order_id
