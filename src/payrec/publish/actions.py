"""What people did with a customer: rows that are only ever added. What follows from them is derived, never stored.

In a folder each action is a file, ``actions/DAY/ID.json``, written aside and renamed; in a database a row. On
PostgreSQL a function adds it, which records when, and under which sign-in (``publish/sql/08_actions.postgres.sql``).
The caller makes the id when the form opens, so that a form sent twice is one action.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass, fields, replace
from datetime import date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any, Literal, get_args
from uuid import UUID

from payrec.common.errors import UsageError
from payrec.common.text import sql_literal, sql_timestamp, terminal_text
from payrec.data.engines.retry import retrying
from payrec.data.migrations import migrate_published
from payrec.publish import added_rows
from payrec.publish.database_store import DatabaseStore
from payrec.publish.folder_repair import Damage
from payrec.publish.folder_store import FolderStore
from payrec.publish.personal import Person
from payrec.publish.store import ListStore

TABLE, FOLDER = "payrec_actions", "actions"
NOTE_CHARACTERS, TEXT_CHARACTERS = 1_000, 200
MOST, EARLIEST, LATEST = Decimal(10) ** 16, date(1990, 1, 1), date(2199, 12, 31)  # facts that a load takes
AHEAD = timedelta(days=1)  # an action may lie so far after the present: clocks differ
LATE_COMMIT = timedelta(minutes=1)  # an action may become visible so long after the time that it was recorded at
Kind = Literal[
    "contacted", "promised", "disputed", "dispute_solved", "snoozed", "assigned", "note", "do_not_contact", "undone"
]
KINDS: tuple[Kind, ...] = get_args(Kind)
OUTCOMES = ("no_answer", "left_message", "spoke", "refused", "wrong_number")
NEEDS = {
    "contacted": ("outcome",),
    "promised": ("amount", "currency", "until"),
    "snoozed": ("until",),
    "assigned": ("outcome",),
    "note": ("note",),
    "undone": ("outcome",),
}
"""Kind of action -> what it must state. ``outcome`` is the new owner of ``assigned``, the undone id of ``undone``."""


@dataclass(frozen=True)
class Action:
    """One thing that a person did: with which customer, about which orders (none named: all that are open).

    ``at``: when it happened; ``recorded_at``: when it was written down (UTC, without zone), from when on it is known.
    ``by``: who did it, as the caller says; ``recorded_by``: the sign-in that the database server saw.
    ``amount`` in units of ``currency``; ``until``: the last day of a promise, or the day on which a snooze ends.
    """

    action_id: str
    at: datetime
    by: str
    customer_id: str
    kind: Kind
    order_ids: tuple[str, ...] = ()
    channel: str | None = None
    outcome: str | None = None
    amount: Decimal | None = None
    currency: str | None = None
    until: date | None = None
    note: str | None = None
    recorded_at: datetime | None = None
    recorded_by: str | None = None


COLUMNS = tuple(field.name for field in fields(Action))
_TEXTS = ("by", "customer_id", "channel", "outcome", "currency", "note")


def add(store: ListStore, action: Action, now: datetime) -> bool:
    """Record an action at ``now`` (UTC, without zone); return False if it was recorded before.

    Raises
    ------
    UsageError
        The action is incomplete or wrong, or its id belongs to another action.

    >>> from payrec.publish.store import open_store
    >>> at = datetime(2026, 5, 2, 9)
    >>> one = Action("11111111-1111-4111-8111-111111111111", at, "kim", "c1", "contacted", outcome="spoke")
    >>> lists = open_store(folder)
    >>> add(lists, one, at), add(lists, one, at), [action.kind for action in read(lists)]
    (True, False, ['contacted'])
    """
    action = replace(validated(action, now), recorded_at=now)
    if isinstance(store, DatabaseStore):
        is_new = _add_row(store, action)
    else:
        is_new = added_rows.add(_folder(store), action.action_id, now, vars(action))
    if not is_new and (first := _with_id(store, action.action_id)) and _as_stated(first) != _as_stated(action):
        msg = f"found the action id {action.action_id} on another action, recorded by {terminal_text(first.by)}"
        raise UsageError(f"{msg}\ngive each action an id of its own; nothing was recorded")
    return is_new


def read(store: ListStore, since: datetime | None = None, customer_id: str | None = None) -> tuple[Action, ...]:
    """Return the actions in the order in which they were recorded.

    ``since``: only those recorded then or later; ``customer_id``: only those of a customer.

    Raises
    ------
    DataRefused
        A file of an action is damaged.
    """
    if isinstance(store, DatabaseStore):
        actions = _rows(store, since, customer_id)
    else:
        actions = [_from_file(path) for path in added_rows.paths(_folder(store), since=since)]
    wanted = [
        action for action in actions
        if customer_id in (None, action.customer_id) and (since is None or _recorded(action) >= since)
    ]  # fmt: skip
    by_id = {action.action_id: action for action in sorted(wanted, key=_order, reverse=True)}  # the first one stays
    return tuple(sorted(by_id.values(), key=_order))


def newer(store: ListStore, since: datetime, known: tuple[Action, ...]) -> tuple[Action, ...]:
    """Return what :func:`read` would, given what it was at an earlier look: only new actions are read.

    ``known`` itself comes back where nothing has changed. Erased actions are left out.
    """
    by_id = {action.action_id: action for action in known}
    if isinstance(store, DatabaseStore):
        if TABLE not in store.engine.tables():
            return ()
        last = max((_recorded(action) for action in known), default=since)
        added = _rows(store, max(since, last - LATE_COMMIT), None)
        kept = store.engine.read(f"SELECT COUNT(*) AS n FROM {TABLE} WHERE recorded_at >= {sql_timestamp(since)}")
        if kept["n"][0].as_py() != len(by_id | {one.action_id: one for one in added}):
            return read(store, since)
    else:
        paths = {path.stem: path for path in added_rows.paths(_folder(store), since=since)}
        by_id = {name: action for name, action in by_id.items() if name in paths}
        added = [_from_file(path) for name, path in paths.items() if name not in by_id]
        added = [action for action in added if _recorded(action) >= since]
    by_id |= {action.action_id: action for action in added}
    return known if list(by_id) == [one.action_id for one in known] else tuple(sorted(by_id.values(), key=_order))


def in_force(actions: Iterable[Action]) -> tuple[Action, ...]:
    """Return the actions that were not undone, in their order, without those that undo."""
    actions = tuple(actions)
    undone = {action.outcome for action in actions if action.kind == "undone"}
    return tuple(one for one in actions if one.kind != "undone" and one.action_id not in undone)


def erase(store: ListStore, person: Person) -> int:
    """Delete the actions of a customer, and their id from notes about others; return the number of actions changed.

    On PostgreSQL in the caller's transaction.
    """
    changed = 0
    for one in read(store):
        note = one.note and person.redacted(one.note)
        is_theirs = one.customer_id == person.customer_id
        if is_theirs or note != one.note:
            _replace(store, one, None if is_theirs else replace(one, note=note))
            changed += 1
    return changed


def _replace(store: ListStore, action: Action, by: Action | None) -> None:
    """Put another action in the stead of one, or none."""
    if isinstance(store, DatabaseStore):
        change = f"UPDATE {TABLE} SET note = {sql_literal(by.note or '')}" if by else f"DELETE FROM {TABLE}"
        store.engine.run(f"{change} WHERE action_id = {sql_literal(action.action_id)}")
        return
    for path in added_rows.paths(_folder(store), action.action_id):
        if by:
            added_rows.write(path, vars(by))
        else:
            path.unlink()


def repair(store: ListStore) -> list[Damage]:
    """Move damaged files of actions out of the way and return them; the server keeps its rows whole."""
    return added_rows.repair(store.folder, FOLDER, _parsed, "action") if isinstance(store, FolderStore) else []


def validated(action: Action, now: datetime) -> Action:
    """Return an action as it is stored; UsageError names the first thing that is wrong with it."""
    if action.kind not in KINDS:
        raise UsageError(f"found the action {terminal_text(action.kind)}, expected one of {', '.join(KINDS)}")
    try:
        action_id = str(UUID(action.action_id))
    except ValueError as error:
        raise UsageError(f"found the action id {terminal_text(action.action_id)}, expected a UUID") from error
    texts: dict[str, Any] = {name: _text(name, getattr(action, name)) for name in _TEXTS}
    orders = tuple(dict.fromkeys(_text("order", order) or "" for order in action.order_ids))
    action = replace(action, action_id=action_id, order_ids=orders, **texts)
    needed = ("by", "customer_id", *NEEDS.get(action.kind, ()))
    missing = [name for name in needed if getattr(action, name) is None] + ["the id of an order"] * ("" in orders)
    if missing:
        raise UsageError(f"found {action.kind} without {missing[0]}, expected {', '.join(needed)}")
    if action.kind == "contacted" and action.outcome not in OUTCOMES:
        msg = f"found the outcome {terminal_text(str(action.outcome))}, expected one of {', '.join(OUTCOMES)}"
        raise UsageError(msg)
    _require_plausible(action, now)
    return action


def _require_plausible(action: Action, now: datetime) -> None:
    amount, until = action.amount, action.until
    if amount is not None and (amount.is_nan() or not 0 < amount < MOST or amount != round(amount, 2)):
        raise UsageError(f"found the amount {amount}, expected one above 0 with at most two decimals")
    if action.at > now + AHEAD:
        msg = f"found an action at {action.at:%Y-%m-%d %H:%M}, expected a time up to now, {now:%Y-%m-%d %H:%M}"
        raise UsageError(msg)
    if action.at.date() < EARLIEST:
        raise UsageError(f"found an action at {action.at.date()}, expected a time from {EARLIEST} on")
    if until is not None and not action.at.date() <= until <= LATEST:
        raise UsageError(f"found until {until}, expected a day from {action.at.date()} to {LATEST}")


def _text(name: str, value: str | None) -> str | None:
    """Return a text without what no store can hold, None if nothing is left; a text that is too long is refused."""
    value = (value or "").replace("\0", "").encode(errors="replace").decode().strip()
    most = NOTE_CHARACTERS if name == "note" else TEXT_CHARACTERS
    if len(value) > most:
        raise UsageError(
            f"found a {name} of {len(value):,} characters, expected at most {most:,}\nnothing was recorded"
        )
    return value or None


def _recorded(action: Action) -> datetime:
    return action.recorded_at or action.at


def _order(action: Action) -> tuple[datetime, datetime, str]:
    return _recorded(action), action.at, action.action_id


def _as_stated(action: Action) -> Action:
    return replace(action, at=datetime.min, recorded_at=None, recorded_by=None)  # sent twice: the times may differ


def _with_id(store: ListStore, action_id: str) -> Action | None:
    if isinstance(store, DatabaseStore):
        return next(iter(_rows(store, None, None, f"action_id = {sql_literal(action_id)}")), None)
    return next((_from_file(path) for path in added_rows.paths(_folder(store), action_id)), None)


def _folder(store: ListStore) -> Path:
    if not isinstance(store, FolderStore):
        raise TypeError(f"found {type(store).__name__}, expected a folder or a database of published lists")
    return store.folder / FOLDER


def _from_file(path: Path) -> Action:
    return added_rows.read(path, _parsed, "action")


def _parsed(plain: dict[str, Any]) -> Action:
    times = {name: datetime.fromisoformat(plain[name]) for name in ("at", "recorded_at")}
    until = date.fromisoformat(plain["until"]) if "until" in plain else None
    amount = Decimal(plain["amount"]) if "amount" in plain else None
    if any(at.tzinfo for at in times.values()):
        raise ValueError("found a time with a zone")
    values = plain | times | {"until": until, "amount": amount, "order_ids": tuple(plain["order_ids"])}
    return validated(Action(**values), times["recorded_at"])


def _add_row(store: DatabaseStore, action: Action) -> bool:
    row = {**vars(action), "order_ids": json.dumps(action.order_ids)}
    row.pop("recorded_by")  # the server knows better
    values = ["NULL" if value is None else sql_literal(str(value)) for value in row.values()]
    migrate_published(store.engine)
    if store.engine.name == "spark":
        return store.add_row(TABLE, row, "action_id")
    call = f"SELECT payrec_add_action({', '.join(values)}) AS is_new"
    return retrying(lambda: bool(store.engine.read(call)["is_new"][0].as_py()))


def _rows(
    store: DatabaseStore, since: datetime | None, customer_id: str | None, condition: str = "TRUE"
) -> list[Action]:
    if TABLE not in store.engine.tables():
        return []
    where = [condition]
    if since is not None:
        where.append(f"recorded_at >= {sql_timestamp(since)}")
    if customer_id is not None:
        where.append(f"customer_id = {sql_literal(customer_id)}")
    rows = store.engine.read(f"SELECT {', '.join(COLUMNS)} FROM {TABLE} WHERE {' AND '.join(where)}").to_pylist()
    return [Action(**{**row, "order_ids": tuple(json.loads(row["order_ids"]))}) for row in rows]
