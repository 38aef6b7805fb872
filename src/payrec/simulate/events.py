"""The event log as columns: first charges, retries, and the merge of all parts into one log."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, fields

import numpy as np

from payrec.simulate import hazard as hz
from payrec.simulate.course import Course
from payrec.simulate.orders import DAY_SECONDS, Orders
from payrec.simulate.world import (
    EVENT,
    NEVER,
    POLICIES,
    REASON_KIND,
    REASON_NUMBER,
    REASONS,
    TRANSIENT,
    VAGUE_REASON,
    Bools,
    Ints,
)

NONE = -1  # no amount, reason, channel or promised day
NOT_DATED, NOT_EXPORTED = 0, 1  # events that no log holds: the export knows the result; nobody but the payer knows
REASON_CHANGES = 0.15  # of the retries fail for another reason than the one before
VAGUE_SHARE = 0.03
SAME_SECOND, LATE_SHARE, LATE_HOURS, LATEST_HOURS = 0.6, 0.025, 16.0, 120.0
LATE_TYPES = ("attempt", "contact")  # money is recorded within seconds, on its own day: truth stays exact


@dataclass(frozen=True)
class Part:
    """Some events of one type: number of the order, seconds since the first day, and what the type carries.

    ``amount_minor`` is in the order's currency; a payment in another ``currency`` carries ``currency_minor`` of that.
    ``promised_day`` is also the day a snooze ends. ``visibility`` is one of NOT_DATED, NOT_EXPORTED, or NONE: exported.
    """

    kind: str
    order: Ints
    at: Ints
    amount_minor: Ints | None = None
    reason: Ints | None = None
    channel: Ints | None = None
    promised_day: Ints | None = None
    currency: Ints | None = None
    currency_minor: Ints | None = None
    visibility: Ints | None = None


@dataclass(frozen=True)
class Log:
    """All events up to the end, in order of time; NONE where a type does not carry a column."""

    kind: Ints
    order: Ints
    at: Ints
    recorded_at: Ints
    amount_minor: Ints
    reason: Ints
    channel: Ints
    promised_day: Ints
    currency: Ints
    currency_minor: Ints
    visibility: Ints
    size: int = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "size", len(self.order))

    def of(self, *kinds: str) -> Bools:
        """Return where the events are of one of these types."""
        return np.isin(self.kind, [EVENT[kind] for kind in kinds])

    def take(self, rows: Bools | Ints) -> Log:
        """Return some of the events."""
        return Log(**{f.name: getattr(self, f.name)[rows] for f in fields(self) if f.init})


def first_charges(rows: Orders) -> Iterator[Part]:
    """Yield the first attempt of every order, and the payment of those that worked, two seconds later."""
    order, at = np.arange(len(rows.day)), rows.day * DAY_SECONDS + rows.charge_second
    yield Part("attempt", order, at, reason=rows.reason)
    worked = np.flatnonzero(rows.reason < 0)
    yield Part("payment", worked, at[worked] + 2, amount_minor=rows.amount_minor[worked])


def retries(rng: np.random.Generator, course: Course) -> Iterator[Part]:
    """Yield each policy's further attempts while the order is open; one that works has no reason and is paid then."""
    rows, paid_at = course.orders, course.paid_at()
    may = hz.can_be_retried(REASON_KIND[rows.reason])
    reason = rows.reason
    for turn in range(max(len(days) for days in POLICIES)):
        day = np.array([days[turn] if turn < len(days) else hz.NEVER_DAY for days in POLICIES])[rows.policy]
        at = course.second(day, course.retry_second)
        reason = _next_reason(rng, reason)
        tried = np.flatnonzero(may & (day <= hz.LAST_DAY) & (at < paid_at))
        works = course.by_retry[tried] & (course.paid_day[tried] == day[tried])
        yield Part("attempt", course.at[tried], at[tried], reason=np.where(works, NONE, reason[tried]))


def _next_reason(rng: np.random.Generator, reason: Ints) -> Ints:
    """Return why the next try fails: an outage is soon over, and now and then the bank finds another reason."""
    n = len(reason)
    soft = np.array([REASON_NUMBER[code] for code in ("insufficient_funds", "do_not_honor", "limit_exceeded")])
    other = soft[rng.integers(0, len(soft), n)]
    changes = rng.random(n) < np.where(REASON_KIND[reason] == TRANSIENT, 0.6, REASON_CHANGES)
    by_card = np.array([r.weights[0] > NEVER for r in REASONS])[reason]
    return np.where(changes & by_card, other, reason)


def _recorded_at(rng: np.random.Generator, kind: Ints, at: Ints) -> Ints:
    """Return when each event was written down: at once or within seconds, a few attempts and contacts days later."""
    n = len(at)
    soon = np.where(rng.random(n) < SAME_SECOND, 0, rng.integers(1, 9, n))
    late_hours = np.minimum(rng.exponential(LATE_HOURS, n), LATEST_HOURS)
    can_be_late = np.isin(kind, [EVENT[name] for name in LATE_TYPES])
    is_late = can_be_late & (rng.random(n) < LATE_SHARE)
    return at + np.where(is_late, (late_hours * 3600).astype(np.int64), soon)


def assemble(rng: np.random.Generator, parts: Sequence[Part], end_second: int) -> Log:
    """Put the parts into one log in order of time, and cut what was not known by the end."""
    kind = np.concatenate([np.full(len(part.order), EVENT[part.kind]) for part in parts])
    order = np.concatenate([part.order for part in parts])
    at = np.concatenate([part.at for part in parts])
    at = at + (at % DAY_SECONDS == 0)  # midnight sharp would be read as a bare date
    recorded_at = _recorded_at(rng, kind, at)
    known = np.flatnonzero(recorded_at < end_second)
    ranked = known[np.argsort(at[known] * (int(order.max()) + 1) + order[known], kind="stable")]

    def column(name: str) -> Ints:
        columns = [getattr(part, name) for part in parts]
        if all(c is None for c in columns):
            return np.broadcast_to(np.int64(NONE), ranked.shape)  # takes no memory
        filled = [np.full(len(p.order), NONE) if c is None else c for p, c in zip(parts, columns, strict=True)]
        joined: Ints = np.concatenate(filled)[ranked]
        return joined

    reason = column("reason")
    return Log(
        kind=kind[ranked],
        order=order[ranked],
        at=at[ranked],
        recorded_at=recorded_at[ranked],
        amount_minor=column("amount_minor"),
        reason=np.where((reason != NONE) & (rng.random(len(reason)) < VAGUE_SHARE), VAGUE_REASON, reason),
        channel=column("channel"),
        promised_day=column("promised_day"),
        currency=column("currency"),
        currency_minor=column("currency_minor"),
        visibility=column("visibility"),
    )
