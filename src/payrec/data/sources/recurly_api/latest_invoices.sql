-- One row is one charge invoice in its latest state.
-- Reads invoices and latest_accounts; key id. customer_id: the account's code, else its id.
-- Amounts are text in major units; times are UTC.
SELECT
    i.id, i.number, COALESCE(i.account_code, a.code, i.account) AS customer_id, i.created, i.due, i.closed, i.state,
    i.currency, i.total, i.balance
FROM (
    SELECT * FROM invoices
    QUALIFY ROW_NUMBER() OVER (PARTITION BY id ORDER BY recorded DESC NULLS LAST, updated DESC NULLS LAST, file_number DESC, line DESC) = 1
) AS i
LEFT JOIN latest_accounts AS a ON a.id = i.account
