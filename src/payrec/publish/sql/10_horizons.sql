-- The probability of each order at other horizons, which belongs to p_recover_30d; appended to each row of the list.
-- Reads: payrec_scores, payrec_runs. Keys: as in 01_published.sql.
-- Units: probabilities within 7, 14, 60 and 90 days of as_of, NULL where unknown.

DROP VIEW payrec_worklist;

ALTER TABLE payrec_scores ADD COLUMN p_7d DOUBLE PRECISION;
ALTER TABLE payrec_scores ADD COLUMN p_14d DOUBLE PRECISION;
ALTER TABLE payrec_scores ADD COLUMN p_60d DOUBLE PRECISION;
ALTER TABLE payrec_scores ADD COLUMN p_90d DOUBLE PRECISION;

-- the list that is served now: the one published last
CREATE VIEW payrec_worklist AS
SELECT
    s.run_id, s.as_of, s.order_id, s.customer_id, s.amount, s.currency, s.outstanding, s.p_recover_30d, s.ev_recovered,
    s.rank, s.priority_flag, s.suppressed_reason, s.reason_1, s.reason_2, s.reason_3, s.model_id, s.scored_at,
    s.horizon_days, s.ev_currency, s.outstanding_value, s.net_value, s.age_days, s.reason_category, s.suggested_action,
    s.channel, s.owner, s.contact_from, s.suppressed_also, s.lifted_by, s.provider, s.payment_method, s.country,
    s.reason_code, s.customer_rank, s.p_7d, s.p_14d, s.p_60d, s.p_90d
FROM payrec_scores AS s
JOIN payrec_runs AS r ON r.run_id = s.run_id
WHERE r.published_no = (SELECT MAX(published_no) FROM payrec_runs);
