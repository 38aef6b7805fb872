"""payrec sources: the exports that load without a map (``list, show``), and which of them a file is (``recognise``)."""

from __future__ import annotations

from pathlib import Path

from payrec.data.sources import packs, recognition
from payrec.data.sources.packs import Pack
from payrec.data.sources.recognition import Recognition

__all__ = ["Pack", "Recognition", "list", "recognise", "show"]


def list() -> tuple[Pack, ...]:
    """Return all sources in the order of their names.

    >>> "stripe-dashboard" in [source.name for source in payrec.sources.list()]
    True
    """
    return packs.packs()


def show(name: str) -> Pack:
    """Return a source: its files, columns, SQL and notes; UsageError if there is none of that name.

    >>> payrec.sources.show("stripe-dashboard").inputs[0].title
    'a payments export'
    """
    return packs.pack_of(name)


def recognise(file: Path | str, encoding: str | None = None) -> tuple[Recognition, ...]:
    """Return the sources whose columns and values a file has, the surest first; raises as the loading of a file.

    >>> payrec.sources.recognise(folder / "transactions.csv")
    ()
    """
    return recognition.recognise(Path(file), encoding)
