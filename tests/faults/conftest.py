"""The installation of the pipeline's tests, for faults that need a whole one."""

from __future__ import annotations

from tests.app.conftest import filled, home
from tests.commands.conftest import models, payrec, portfolio, site

__all__ = ["filled", "home", "models", "payrec", "portfolio", "site"]
