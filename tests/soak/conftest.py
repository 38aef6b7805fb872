"""The simulated portfolio and the model of the pipeline's tests."""

from __future__ import annotations

from tests.commands.conftest import models, portfolio

__all__ = ["models", "portfolio"]
