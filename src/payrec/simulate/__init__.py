"""The simulator: a portfolio of orders and events whose truth is known."""
