"""payrec models: versions of the model, and which of them is the champion (``list, show, promote, rollback``)."""

from __future__ import annotations

from pathlib import Path

from payrec.model.store import versions
from payrec.model.store.bundle import Bundle
from payrec.model.store.versions import Version

__all__ = ["list", "promote", "rollback", "show"]


def list(models: Path | str = "models") -> tuple[Version, ...]:
    """Return all versions, each verified, the newest training window first.

    >>> [version.model_id for version in payrec.models.list(models) if version.is_champion] == [trained.model_id]
    True
    """
    return versions.versions(Path(models))


def show(reference: str = "champion", models: Path | str = "models") -> Bundle:
    """Return one version: its ``model`` and its ``card``; raises as :func:`payrec.model.store.versions.show`.

    >>> payrec.models.show(models=models).model.horizon_days
    30
    """
    return versions.show(Path(models), reference)


def promote(reference: str, models: Path | str = "models") -> str:
    """Make a version the champion, even if it did not pass the gate, and return its id.

    >>> payrec.models.promote(trained.model_id, models) == trained.model_id
    True
    """
    return versions.promote(Path(models), reference)


def rollback(models: Path | str = "models") -> str:
    """Make the former champion the champion again, and return its id; UsageError if there is none."""
    return versions.rollback(Path(models))


def champion(models: Path | str | Bundle = "models") -> Bundle:
    """Return the champion of a store; a bundle that is already loaded comes back as it is."""
    return models if isinstance(models, Bundle) else versions.champion(Path(models))
