-- One row is one fact about an order: a payment, a refund, a chargeback, or money that came back from a won dispute.
-- Reads settlement, one row a booking; key event_id.
-- Amounts are text in major units: of debit and credit the one that is filled. Times carry the offset of their zone.
SELECT
    psp || ':' || type || ':' || COALESCE(modification, '') AS event_id,
    reference AS order_id,
    IN_ZONE(created, zone) AS event_ts,
    CASE
        WHEN type = 'Refunded' THEN 'refund'
        WHEN type IN ('Chargeback', 'SecondChargeback') THEN 'chargeback'
        ELSE 'payment'
    END AS event_type,
    COALESCE(CASE WHEN type IN ('Refunded', 'Chargeback', 'SecondChargeback') THEN debit ELSE credit END, debit, credit)
        AS amount,
    method AS channel,
    currency
FROM settlement
ORDER BY event_id
