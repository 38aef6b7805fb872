"""What the audit of the data reports: findings with a level and a subject, in the order in which people need them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

from payrec.common.short_repr import short_repr
from payrec.data.engines import Engine
from payrec.data.freshness import Feed, MissingMonths

Level = Literal["refuse", "warn", "note"]
Subject = Literal["list", "data", "features"]
_LEVELS: tuple[Level, ...] = ("refuse", "warn", "note")
_SUBJECTS: tuple[Subject, ...] = ("list", "data", "features")


@dataclass(frozen=True)
class Limits:
    """From where on a number becomes a verdict."""

    min_matured_rows: int = 200
    min_of_each_label: int = 20
    payment_before_invoice_share: float = 0.05
    cohort_jump: float = 0.10
    cohort_min_orders: int = 50
    declared_difference: float = 0.5
    stray_fact_days: int = 45


@dataclass(frozen=True)
class Finding:
    """One result of the audit: a stable code, its level, the rows concerned, up to three lines of text, its subject.

    The lines say what was found, what it does to the list or to training, and what to do.
    """

    code: str
    level: Level
    rows: int
    message: str
    about: Subject = "data"


Part = Callable[[Engine, datetime, Limits], Iterator[Finding]]


@short_repr
@dataclass(frozen=True)
class Audit:
    """All findings, those about the list first and the worst of them first; counts, and how far the facts reach."""

    findings: tuple[Finding, ...]
    counts: dict[str, int] = field(default_factory=dict)
    feeds: tuple[Feed, ...] = ()
    missing_months: tuple[MissingMonths, ...] = ()

    @property
    def refusals(self) -> tuple[Finding, ...]:
        """The findings that make training unsafe."""
        return tuple(f for f in self.findings if f.level == "refuse")


def first_row(engine: Engine, select: str) -> dict[str, Any]:
    """Return the first row of a query, by column."""
    row: dict[str, Any] = engine.read(select).to_pylist()[0]
    return row


def in_order(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """Return findings about the list before those about data and features, and the worst of each first."""
    return tuple(sorted(findings, key=lambda f: (_SUBJECTS.index(f.about), _LEVELS.index(f.level))))
