"""Tables of what is published, in a database: the numbered files of ``publish/sql``, each applied once."""

from __future__ import annotations

from importlib.resources import files

from payrec.data import migrations
from payrec.data.engines import Engine
from payrec.data.engines.retry import retrying
from payrec.data.migrations import Migration

LEDGER = "payrec_migrations"


def known() -> tuple[Migration, ...]:
    """Return the files that this payrec brings, in order."""
    return migrations.found(files("payrec.publish") / "sql")


def apply(engine: Engine, wanted: tuple[Migration, ...] | None = None) -> list[str]:
    """Bring the published tables up to date; see :func:`payrec.data.migrations.apply`."""

    def whole() -> list[str]:
        with engine.transaction():
            applied = migrations.apply(engine, known() if wanted is None else wanted, LEDGER)
            if applied:
                migrations.open_to_app(engine)
        return applied

    return retrying(whole)


__all__ = ["LEDGER", "Migration", "apply", "known"]
