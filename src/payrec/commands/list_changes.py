"""What changed in the list to work since the one before it: customers that are new, gone and why, or moved."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import pyarrow as pa

from payrec.commands.published import Location, current, store_of
from payrec.common.arrow import pc
from payrec.publish.run_info import RunInfo
from payrec.publish.store import ListStore

Change = Literal["new", "gone", "moved"]
COLUMNS = ("customer_id", "ev_currency", "rank", "priority_flag", "suppressed_reason", "outstanding_value")
Key = tuple[str, str]


@dataclass(frozen=True)
class CustomerChange:
    """A customer, in one currency, that the list to work has, or had.

    ``why``: of ``gone`` the reason of suppression (``promised``), ``beyond capacity``, or ``nothing open`` (paid, or
    ended otherwise); of ``new`` the reason that was lifted, ``beyond capacity``, or ``nothing open`` before.
    ``rank`` and ``rank_before`` are None where it had none. ``outstanding`` is the newest known balance.
    """

    customer_id: str
    currency: str
    change: Change
    why: str | None
    rank: int | None
    rank_before: int | None
    outstanding: Any


@dataclass(frozen=True, repr=False)
class ListChanges:
    """The served list against the newest one before it; ``before`` None: there is none to compare with.

    ``changes``: new ones by rank, gone ones by balance, moved ones by how far.
    """

    now: RunInfo
    before: RunInfo | None
    changes: tuple[CustomerChange, ...] = ()

    def __repr__(self) -> str:
        return f"<ListChanges of {len(self.changes)} customers>"


def list_changes(published: Location = "out/published") -> ListChanges:
    """Return which customers came onto the list to work, left it, or moved, since the list before the served one.

    Raises
    ------
    UsageError
        Nothing has been published.
    """
    store = store_of(published)
    now = current(store).run
    before = _before(store, now)
    if before is None:
        return ListChanges(now, None)
    after_rows, before_rows = (store.columns(run.run_id, COLUMNS) for run in (now, before))
    to_work, former = (_keyed(rows.filter(pc.equal(rows["priority_flag"], 1))) for rows in (after_rows, before_rows))
    became = _keyed(_of_customers(after_rows, [key for key in former if key not in to_work]))
    was = _keyed(_of_customers(before_rows, [key for key in to_work if key not in former]))
    changes = [_change(key, "new", was.get(key), row, _standing(was.get(key))) for key, row in to_work.items()
               if key not in former]  # fmt: skip
    changes += [_change(key, "gone", row, became.get(key), _standing(became.get(key))) for key, row in former.items()
                if key not in to_work]  # fmt: skip
    changes += [_change(key, "moved", former[key], row, None) for key, row in to_work.items()
                if key in former and former[key]["rank"] != row["rank"]]  # fmt: skip
    return ListChanges(now, before, tuple(sorted(changes, key=_order)))


def _before(store: ListStore, now: RunInfo) -> RunInfo | None:
    """Return the newest earlier run that has a list by customer."""
    earlier = sorted((one.run for one in store.runs() if one.run.as_of < now.as_of), key=lambda run: run.as_of)
    return next((run for run in reversed(earlier) if store.columns(run.run_id, ("customer_id",)).num_rows), None)


def _keyed(rows: pa.Table) -> dict[Key, dict[str, Any]]:
    return {(row["customer_id"], row["ev_currency"]): row for row in rows.to_pylist()}


def _of_customers(rows: pa.Table, keys: list[Key]) -> pa.Table:
    names = pa.array([name for name, _ in keys], pa.string())
    return rows.filter(pc.is_in(rows["customer_id"], value_set=names))


def _standing(row: dict[str, Any] | None) -> str:
    if row is None:
        return "nothing open"
    return row["suppressed_reason"] or "beyond capacity"


def _change(
    key: Key, change: Change, before: dict[str, Any] | None, after: dict[str, Any] | None, why: str | None
) -> CustomerChange:
    newest = after or before or {}
    rank, rank_before = (row["rank"] if row else None for row in (after, before))
    return CustomerChange(*key, change, why, rank, rank_before, newest["outstanding_value"])


def _order(one: CustomerChange) -> tuple[Any, ...]:
    group = ("new", "gone", "moved").index(one.change)
    moved = abs((one.rank or 0) - (one.rank_before or 0)) if one.change == "moved" else 0
    return group, -moved, one.rank if one.change == "new" else -(one.outstanding or 0), one.customer_id, one.currency
