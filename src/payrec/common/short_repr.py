"""Reprs that fit on a screen: a notebook shows what an object is, not the million numbers in it."""

from __future__ import annotations

import reprlib
from dataclasses import fields
from typing import Any, TypeVar

C = TypeVar("C", bound=type)

LONGEST = 500


class _Short(reprlib.Repr):
    """Three elements of a collection, 40 characters of a text, the shape of an array or table."""

    def __init__(self) -> None:
        super().__init__()
        self.maxlevel, self.maxother = 2, 120
        self.maxtuple = self.maxlist = self.maxdict = self.maxset = 3
        self.maxstring = 40

    def repr1(self, x: Any, level: int) -> str:
        shape = getattr(x, "shape", None)
        if isinstance(shape, tuple) and shape:
            return f"<{type(x).__name__} {' × '.join(f'{size:,}' for size in shape)}>"
        return super().repr1(x, level)


def short_repr(cls: C) -> C:
    """Give a dataclass a repr of at most 500 characters: ``Name(field=value, …)`` with each value shortened.

    >>> from dataclasses import dataclass
    >>> @short_repr
    ... @dataclass(frozen=True)
    ... class Curve:
    ...     feature: str
    ...     values: tuple[float, ...]
    >>> Curve("age_days", (0.0, 0.5, 1.0, 1.5, 2.0))
    Curve(feature='age_days', values=(0.0, 0.5, 1.0, ...))
    """

    def shortened(self: Any) -> str:
        shorten = _Short().repr
        parts = (f"{field.name}={shorten(getattr(self, field.name))}" for field in fields(self) if field.repr)
        text = f"{type(self).__name__}({', '.join(parts)})"
        return text if len(text) <= LONGEST else text[: LONGEST - 1] + "…"

    cls.__repr__ = shortened  # type: ignore[assignment]
    return cls
