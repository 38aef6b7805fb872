"""A worklist that people filled in, read back: each row with something in ``done`` is an action; bad rows by line."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal, InvalidOperation
from pathlib import Path
from uuid import UUID, uuid5

import pyarrow as pa

from payrec.common.errors import DataRefused, UsageError
from payrec.common.text import terminal_text
from payrec.data.load.file_bytes import Limits, opened
from payrec.data.load.tables import Hints, table_of
from payrec.publish.actions import KINDS, NOTE_CHARACTERS, OUTCOMES, Action, Kind, validated
from payrec.publish.tool_files import TO_FILL

NEEDED = ("customer", "done")
NAMES = (*NEEDED, "when", "note", "until", "promised", "amount", "currency", "owner", "run_id")
IDS = UUID("8f0e7c5a-3b1d-4c8e-9a52-6d0f41b7c2e9")
"""Namespace of the ids that follow from a row, so that a file that is loaded again records nothing."""
DONE = (*OUTCOMES, *(kind for kind in KINDS if kind not in ("contacted", "undone")))
_GUARDED = re.compile(r"'(?=[=+\-@\t\r|%])")  # what export.write puts before a text that looks like a formula


@dataclass(frozen=True)
class ActionRow:
    """A row of a file: its line, and the action it states or why it is refused; ``run_id``: the list that it is of."""

    line: int
    action: Action | None
    reason: str = ""
    run_id: str = ""


def read(path: Path, by: str, now: datetime, encoding: str | None = None) -> Iterator[ActionRow]:
    """Yield the rows that were filled in, of the first sheet of an XLSX or of a CSV.

    Raises
    ------
    UsageError
        The file cannot be opened.
    DataRefused
        It is damaged, of another kind, or lacks the columns ``customer`` and ``done``.
    """
    with opened(path, Limits(), ("text", "xlsx")) as file:
        table = table_of(file, Hints(frozenset(NAMES), encoding=encoding))
        header = [name.strip().casefold() for name in table.dialect.header]
        if missing := [name for name in NEEDED if name not in header]:
            msg = f"found no column {missing[0]} in {path.name}, expected {', '.join((NEEDED[0], *TO_FILL))}"
            raise DataRefused(f"{msg}\npayrec worklist --by customer --out FILE.xlsx writes a sheet to fill in")
        at = {name: header.index(name) for name in NAMES if name in header}
        for rows in table.rows(list(at.values())):
            for bad in rows.bad:
                yield ActionRow(bad.line, None, bad.reason)
            for line, texts in _filled(rows.table, at):
                yield _row(line, texts, by, now)


def _filled(rows: pa.Table, at: Mapping[str, int]) -> Iterator[tuple[int, dict[str, str]]]:
    """Yield line and texts by name of the rows in which a person wrote something."""
    for row in rows.to_pylist():
        texts = {name: _GUARDED.sub("", (row[f"c{position}"] or "").strip(), 1) for name, position in at.items()}
        if any(texts.get(name) for name in TO_FILL):
            yield row["line"], texts


def _row(line: int, texts: Mapping[str, str], by: str, now: datetime) -> ActionRow:
    try:
        return ActionRow(line, validated(_action(texts, by, now), now), run_id=texts.get("run_id", ""))
    except UsageError as error:
        return ActionRow(line, None, str(error).splitlines()[0])


def _action(texts: Mapping[str, str], by: str, now: datetime) -> Action:
    done = texts["done"].casefold().replace(" ", "_").replace("-", "_") or ("note" if texts.get("note") else "")
    if done not in DONE:
        raise UsageError(f"found done {terminal_text(texts['done'][:50])!r}, expected one of {', '.join(DONE)}")
    kind: Kind = "contacted" if done in OUTCOMES else done  # type: ignore[assignment]
    if kind == "assigned" and not texts.get("owner"):
        raise UsageError("found assigned without owner, expected a name in that column")
    outcome = done if done in OUTCOMES else texts.get("owner") if kind == "assigned" else None
    filled = "\0".join(texts.get(name, "") for name in ("run_id", "customer", "currency", *TO_FILL))
    is_promise = kind == "promised"
    return Action(
        str(uuid5(IDS, filled)), _moment(texts.get("when", ""), now), by, texts["customer"], kind,
        outcome=outcome,
        amount=_amount(texts.get("promised") or texts.get("amount", "")) if is_promise else None,
        currency=(texts.get("currency", "").upper() or None) if is_promise else None,
        until=_day(texts.get("until", "")), note=_note(texts.get("note", "")),
    )  # fmt: skip


def _note(text: str) -> str | None:
    if len(text) > NOTE_CHARACTERS:
        raise UsageError(f"found a note of {len(text):,} characters, expected at most {NOTE_CHARACTERS:,}")
    return text or None


def _amount(text: str) -> Decimal | None:
    try:
        return Decimal(text) if text else None
    except InvalidOperation as error:
        raise UsageError(f"found promised {terminal_text(text[:50])!r}, expected an amount such as 120.00") from error


def _moment(text: str, now: datetime) -> datetime:
    """Return when it happened: as it stands, without a zone; empty: now."""
    if not text:
        return now
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise UsageError(f"found when {terminal_text(text[:50])!r}, expected a day such as 2026-05-03") from error
    if moment.tzinfo is not None:
        raise UsageError(f"found when {terminal_text(text)!r}, expected a time without a zone (UTC)")
    return moment


def _day(text: str) -> date | None:
    return _moment(text, datetime.min).date() if text else None
