"""Monitoring: drift, outcomes of past lists, verdicts, alerts."""
