-- Drops the tables of the later files, last first, so that they can run again. Raw and policy tables and numbers stay.
-- Reads: nothing. Keys: none.
-- Units: none.

DROP VIEW IF EXISTS v_feature_view;
DROP TABLE IF EXISTS context_history;
DROP TABLE IF EXISTS labels;
DROP TABLE IF EXISTS features;
DROP TABLE IF EXISTS customer_paces;
DROP TABLE IF EXISTS customer_decisions;
DROP TABLE IF EXISTS customer_states;
DROP TABLE IF EXISTS customer_blocks;
DROP TABLE IF EXISTS unapplied_cash;
DROP TABLE IF EXISTS snapshots;
DROP TABLE IF EXISTS missing_months;
DROP TABLE IF EXISTS freshness;
DROP TABLE IF EXISTS fact_days;
DROP TABLE IF EXISTS stg_observed;
DROP TABLE IF EXISTS stg_outcomes;
DROP TABLE IF EXISTS stg_balances;
DROP TABLE IF EXISTS stg_claims;
DROP TABLE IF EXISTS stg_money;
DROP TABLE IF EXISTS stg_orders;
DROP TABLE IF EXISTS stg_events;
DROP TABLE IF EXISTS built_orders;
DROP TABLE IF EXISTS built_basis;
-- tables of earlier versions
DROP TABLE IF EXISTS customer_money;
DROP TABLE IF EXISTS customer_history;
