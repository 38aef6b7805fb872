-- What a contact changes, appended to each row of the lists of orders and customers while it was measured.
-- Reads: payrec_scores, payrec_runs. Keys: as in 01_published.sql and 07_customers.sql.
-- Units: probabilities within horizon_days with and without a contact, money in units of ev_currency; NULL: not measured.

DROP VIEW payrec_worklist;

ALTER TABLE payrec_scores ADD COLUMN p_if_contacted DOUBLE PRECISION;
ALTER TABLE payrec_scores ADD COLUMN p_if_not DOUBLE PRECISION;
ALTER TABLE payrec_scores ADD COLUMN extra_recovered DECIMAL(18, 2);
ALTER TABLE payrec_scores ADD COLUMN contact_kind VARCHAR(40);
ALTER TABLE payrec_customers ADD COLUMN extra_recovered DECIMAL(18, 2);
ALTER TABLE payrec_customers ADD COLUMN contact_kind VARCHAR(40);

-- the list that is served now: the one published last
CREATE VIEW payrec_worklist AS
SELECT
    s.run_id, s.as_of, s.order_id, s.customer_id, s.amount, s.currency, s.outstanding, s.p_recover_30d, s.ev_recovered,
    s.rank, s.priority_flag, s.suppressed_reason, s.reason_1, s.reason_2, s.reason_3, s.model_id, s.scored_at,
    s.horizon_days, s.ev_currency, s.outstanding_value, s.net_value, s.age_days, s.reason_category, s.suggested_action,
    s.channel, s.owner, s.contact_from, s.suppressed_also, s.lifted_by, s.provider, s.payment_method, s.country,
    s.reason_code, s.customer_rank, s.p_7d, s.p_14d, s.p_60d, s.p_90d, s.p_if_contacted, s.p_if_not, s.extra_recovered,
    s.contact_kind
FROM payrec_scores AS s
JOIN payrec_runs AS r ON r.run_id = s.run_id
WHERE r.published_no = (SELECT MAX(published_no) FROM payrec_runs);
