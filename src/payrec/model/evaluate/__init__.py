"""Evaluation: backtest, figures with intervals, quality gate, model card."""
