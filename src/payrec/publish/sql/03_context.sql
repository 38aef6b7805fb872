-- What the list is filtered by: where an order was charged, how, and why it failed; appended to each row of the list.
-- Reads: payrec_scores, payrec_runs. Keys: as in 01_published.sql.
-- Units: text as it was loaded, NULL where unknown.

DROP VIEW payrec_worklist;

ALTER TABLE payrec_scores ADD COLUMN provider VARCHAR(200);
ALTER TABLE payrec_scores ADD COLUMN payment_method VARCHAR(200);
ALTER TABLE payrec_scores ADD COLUMN country VARCHAR(200);
ALTER TABLE payrec_scores ADD COLUMN reason_code VARCHAR(200);

-- the list that is served now: the one published last
CREATE VIEW payrec_worklist AS
SELECT
    s.run_id, s.as_of, s.order_id, s.customer_id, s.amount, s.currency, s.outstanding, s.p_recover_30d, s.ev_recovered,
    s.rank, s.priority_flag, s.suppressed_reason, s.reason_1, s.reason_2, s.reason_3, s.model_id, s.scored_at,
    s.horizon_days, s.ev_currency, s.outstanding_value, s.net_value, s.age_days, s.reason_category, s.suggested_action,
    s.channel, s.owner, s.contact_from, s.suppressed_also, s.lifted_by, s.provider, s.payment_method, s.country,
    s.reason_code
FROM payrec_scores AS s
JOIN payrec_runs AS r ON r.run_id = s.run_id
WHERE r.published_no = (SELECT MAX(published_no) FROM payrec_runs);
