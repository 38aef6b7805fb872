"""payrec load actions: what people wrote into the worklist's first sheet, recorded like ``payrec log``."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from payrec.commands.log import HELD_OUT
from payrec.commands.published import Location, store_of
from payrec.common.arrow import pc, text
from payrec.common.errors import DataRefused
from payrec.common.text import terminal_text
from payrec.publish import action_files, actions
from payrec.publish.action_files import ActionRow
from payrec.publish.store import ListStore

_HELD_OUT = "customers are held out: their contacts are recorded, and weaken what the experiment can say"


@dataclass(frozen=True)
class LoadedActions:
    """Rows that were filled in: ``recorded`` now, recorded ``before``, and refused ones with their line and reason.

    Recorded all the same: ``of_other_lists``, rows of another list than the served one; ``unlisted``, customers who are
    neither on the served list nor on that of their row; ``held_out``, customers who were contacted, though held out.
    """

    recorded: int
    before: int
    refused: tuple[tuple[int, str], ...] = ()
    of_other_lists: int = 0
    unlisted: tuple[str, ...] = ()
    held_out: int = 0

    def lines(self) -> list[str]:
        """Return what to show."""
        total = self.recorded + self.before + len(self.refused)
        first = f"{total:,} rows filled in: {self.recorded:,} recorded, {self.before:,} recorded before"
        others = f"{self.of_other_lists:,} rows are of another list than the served one: they are recorded all the same"
        return [
            f"{first}, {len(self.refused):,} refused",
            *([others] if self.of_other_lists else []),
            *([self._unlisted()] if self.unlisted else []),
            *([f"{self.held_out:,} {_HELD_OUT}"] if self.held_out else []),
            *(f"line {line}: {reason}" for line, reason in self.refused),
        ]

    def _unlisted(self) -> str:
        first = terminal_text(self.unlisted[0])
        rest = f" and {len(self.unlisted) - 1:,} more" * (len(self.unlisted) > 1)
        return (
            f"no list has customer {first}{rest}: recorded; a spreadsheet may have changed the ids (00123 becomes 123)"
        )

    def require_all(self) -> None:
        """Raise DataRefused if a row was refused; the others are recorded, and are not recorded again."""
        if self.refused:
            line, reason = self.refused[0]
            msg = f"{len(self.refused):,} rows refused, the first in line {line}: {reason}"
            raise DataRefused(f"{msg}\ncorrect them and load the file again: the others are recorded once")


def load_actions(
    file: Path | str, now: datetime, by: str, published: Location = "out/published", encoding: str | None = None
) -> LoadedActions:
    """Record what people wrote into the first sheet of ``payrec worklist --out FILE.xlsx``, or into a CSV of it.

    Parameters
    ----------
    file
        With the columns ``customer`` and ``done`` (an outcome of a contact, ``promised``, ``snoozed``, ``disputed``,
        ``note``, …), and any of ``when, note, until, promised, amount, currency, owner,
        run_id``; a promise without ``promised`` is of the ``amount``; rows that are not filled
        in are passed over. The same row again records nothing.
    now, by
        The present (UTC, without zone), from when on the actions are known, and who loads them: a name in the file
        does not count.
    encoding
        Of a CSV that is not UTF-8.

    Raises
    ------
    UsageError, DataRefused
        The file cannot be read, or lacks a column; nothing was recorded.
    """
    store = store_of(published)
    rows = list(action_files.read(Path(file), by, now, encoding))
    known = {one.action_id for one in actions.read(store)}  # an id follows from the row, whoever loads it
    wanted = [row.action for row in rows if row.action is not None]
    recorded = sum(actions.add(store, one, now) for one in wanted if one.action_id not in known)
    refused = tuple((row.line, row.reason) for row in rows if row.action is None)
    served = store.current()
    others = sum(row.action is not None and row.run_id not in ("", served and served.run.run_id) for row in rows)
    unlisted, held_out = _off_the_list(store, served.run.run_id, rows) if served else ((), 0)
    return LoadedActions(recorded, len(wanted) - recorded, refused, others, unlisted, held_out)


def _off_the_list(store: ListStore, served: str, rows: list[ActionRow]) -> tuple[tuple[str, ...], int]:
    """Return the customers who are on no list of their rows, and how many were contacted though they are held out."""
    done = [row.action for row in rows if row.action is not None]
    orders = store.columns(served, ("customer_id", "suppressed_reason"))
    listed = set(orders["customer_id"].to_pylist())
    for run_id in ({row.run_id for row in rows} & {one.run.run_id for one in store.runs()}) - {served}:
        listed |= set(store.columns(run_id, ("customer_id",))["customer_id"].to_pylist())
    held = set(orders.filter(pc.equal(text(orders, "suppressed_reason"), HELD_OUT))["customer_id"].to_pylist())
    contacted = {one.customer_id for one in done if one.kind == "contacted"}
    return tuple(sorted({one.customer_id for one in done} - listed)), len(held & contacted)
