"""payrec report --team: what a collections team did, what came of it, and how old its receivables are."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa

from payrec.commands.customer_states import STEPS
from payrec.commands.published import Location, current, store_of
from payrec.common.arrow import MONEY as DECIMAL
from payrec.common.arrow import TIME, pc
from payrec.common.errors import UsageError
from payrec.monitor import team_figures
from payrec.monitor.team_figures import PER, Per
from payrec.publish import actions, export
from payrec.publish.database_store import DatabaseStore
from payrec.publish.folder_store import FolderStore
from payrec.publish.run_info import RunInfo
from payrec.publish.team_facts import MONEY, RECEIVABLES, WORK
from payrec.publish.team_sql import closings

TABLES = ("work", "money", "receivables")
Lists = list[tuple[datetime, dict[str, bool], dict[str, str | None]]]


@dataclass(frozen=True, repr=False)
class TeamReport:
    """Figures of a team, one table each; columns as in ``docs/team.md``.

    ``work``: contacts, promises, share of the list worked. ``money``: what came after first contacts, and what the
    list expected. ``receivables``: aging, DSO and the like. ``oldest_unworked_days``: None if all were worked.
    """

    run: RunInfo
    per: tuple[Per, ...]
    work: pa.Table
    money: pa.Table
    receivables: pa.Table
    oldest_unworked_days: int | None

    def __repr__(self) -> str:
        return f"<TeamReport as of {self.run.as_of:%Y-%m-%d} per {', '.join(self.per) or 'currency'}>"


def team(
    published: Location = "out/published",
    per: Sequence[Per] = (),
    out: Path | str | None = None,
) -> TeamReport:
    """Return the figures of a collections team for the 13 weeks up to the served list, and what was recorded since.

    Parameters
    ----------
    published
        Folder of the published lists, the PostgreSQL engine that holds them, or their open store.
    per
        Groups: any of ``owner``, ``team``, ``week``; money is always by currency.
    out
        Also write the three tables, as ``NAME_work``, ``NAME_money``, ``NAME_receivables`` (.csv, .xlsx or .parquet).

    Raises
    ------
    UsageError
        Nothing has been published, the list was made by an earlier version, or ``per`` names another group.

    >>> payrec.team(published, per=("owner",)).receivables.column_names[:3]
    ['owner', 'currency', 'current']
    """
    if unknown := set(per) - set(PER):
        raise UsageError(f"found per {', '.join(sorted(unknown))}, expected some of {', '.join(PER)}")
    store = store_of(published)
    run, groups = current(store).run, tuple(name for name in PER if name in per)
    facts = {name: store.detail(run.run_id, name) for name in (WORK, MONEY, RECEIVABLES)}
    if facts[RECEIVABLES] is None and facts[WORK] is None:
        msg = f"found no figures of a team with the list as of {run.as_of:%Y-%m-%d}, which an earlier version made"
        raise UsageError(f"{msg}\npublish a list: payrec run")
    done, money_rows, balances = ([] if table is None else table.to_pylist() for table in facts.values())
    teams = _teams(store, run)
    in_force = actions.in_force(actions.read(store, since=closings(run.as_of)[-1]))
    done += _since(in_force, run, teams)
    lists = _lists(store, run, in_force, done)
    listed = [
        {"known_at": at, "worker": owners[name], "team": teams.get(name), "is_worked": is_worked}
        for at, customers, owners in lists for name, is_worked in customers.items()
    ]  # fmt: skip
    report = TeamReport(
        run,
        groups,
        _table(team_figures.work(done, listed, groups)),
        _table(team_figures.money(money_rows, groups, run.as_of)),
        _table(team_figures.receivables(balances, groups, run.as_of)),
        team_figures.oldest_unworked_days([(at, customers) for at, customers, _ in lists]),
    )
    if out is not None:
        path = Path(out)
        path.parent.mkdir(parents=True, exist_ok=True)
        for name in TABLES:
            export.write(getattr(report, name), path.with_stem(f"{path.stem}_{name}"), run.stamp)
    return report


def _teams(store: FolderStore | DatabaseStore, run: RunInfo) -> dict[str, str | None]:
    contacts = store.detail(run.run_id, "contacts")
    rows = [] if contacts is None else contacts.select(["customer_id", "segment"]).to_pylist()
    return {row["customer_id"]: row["segment"] for row in rows}


def _since(in_force: Sequence[actions.Action], run: RunInfo, teams: dict[str, str | None]) -> list[dict[str, Any]]:
    """Return contacts and promises that were recorded after the list was made; the promises are live."""
    return [
        {
            "kind": one.kind, "customer_id": one.customer_id, "known_at": one.recorded_at or one.at, "worker": one.by,
            "team": teams.get(one.customer_id), "outcome": "live" if one.kind == "promised" else one.outcome,
        }
        for one in in_force
        if one.kind in ("contacted", "promised") and (one.recorded_at or one.at) > run.as_of
    ]  # fmt: skip


def _lists(
    store: FolderStore | DatabaseStore, run: RunInfo, in_force: Sequence[actions.Action], done: list[dict[str, Any]]
) -> Lists:
    """Return the lists of the last 13 weeks, the newest first: whom they flagged, who was worked, and their owners.

    A customer was worked if an action or a contact came between the list and the next one.
    """
    since = closings(run.as_of)[-1]
    steps = [(one.recorded_at or one.at, one.customer_id) for one in in_force if one.kind in STEPS]
    steps = sorted([*steps, *((row["known_at"], row["customer_id"]) for row in done)])
    runs = [one.run for one in store.runs() if since < one.run.as_of <= run.as_of]
    lists: Lists = []
    until = datetime.max
    for one in sorted(runs, key=lambda each: (each.as_of, each.run_id == run.run_id), reverse=True):
        if one.as_of == until:
            continue  # made again for the same time: the served one counts
        rows = store.columns(one.run_id, ("customer_id", "owner", "priority_flag"))
        flagged = rows.filter(pc.equal(rows["priority_flag"], 1)).to_pylist()
        first, last = (bisect_right(steps, moment, key=lambda step: step[0]) for moment in (one.as_of, until))
        worked = {name for _, name in steps[first:last]}
        customers = {row["customer_id"]: row["customer_id"] in worked for row in flagged}
        lists.append((one.as_of, customers, {row["customer_id"]: row["owner"] for row in flagged}))
        until = one.as_of
    return lists


def _table(rows: list[dict[str, Any]]) -> pa.Table:
    """Return rows as a table; hundredths (``…_minor``) become money."""
    if not rows:
        return pa.table({})
    columns: dict[str, Any] = {}
    for name in rows[0]:
        values = [row[name] for row in rows]
        if name.endswith("_minor"):
            columns[name.removesuffix("_minor")] = pa.array([Decimal(value) / 100 for value in values], DECIMAL)
        elif name == "week":
            columns[name] = pa.array(values, TIME)
        else:
            columns[name] = pa.array(values, _KINDS.get(name))
    return pa.table(columns)


_KINDS: dict[str, pa.DataType] = {name: pa.string() for name in ("owner", "team", "currency")} | {
    name: pa.float64()
    for name in (
        "reached_share", "kept_rate", "worked_share", "dso_days", "best_dso_days", "average_days_delinquent",
        "collection_effectiveness", "days_beyond_terms",
    )
}  # fmt: skip
