"""What the figures of a collections team are made of, published with each list: counts and sums by week, none divided.

team_work         one row per contact and promise of the last 26 weeks: whose, by whom, what came of it
team_money        one row per first contact and currency: what came within 7 and 30 days, and what the list expected
team_receivables  by closing time, owner, team and currency: billed, outstanding by days past due, paid by days late

A week begins on Monday and holds what became known after its first moment, up to and with its last; the newest one ends
at ``as_of``. An owner is whom the customer was assigned to, else the loaded owner, else that of the policy; a team is
the customer's ``segment``. A contact is the first if none came in the 30 days before.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

import numpy as np
import pyarrow as pa

from payrec.common.arrow import TIME, make, minor, pc, text
from payrec.common.text import sql_literal
from payrec.data.engines import Engine
from payrec.publish import actions, promise_states, team_sql
from payrec.publish.actions import Action
from payrec.publish.details import TEAM, Details
from payrec.publish.promise_states import Promise
from payrec.publish.run_info import RunInfo
from payrec.publish.store import ListStore
from payrec.publish.team_sql import closings
from payrec.worklist.policy import Policy
from payrec.worklist.value import expected_minor, p_units

WORK, MONEY, RECEIVABLES = TEAM
_TEXTS: list[tuple[str, pa.DataType]] = [
    (name, pa.string()) for name in ("customer_id", "worker", "team", "kind", "outcome", "channel", "currency")
]
WORK_SCHEMA = pa.schema([*_TEXTS, ("known_at", TIME), ("amount_minor", pa.int64())])
"""``outcome``: of a contact as it was recorded, NULL where it was loaded; of a promise its state."""
_EXPECTED = ("expected_7d_minor", "expected_30d_minor")
_WITHIN = (("expected_7d_minor", "p_7d"), ("expected_30d_minor", "p_recover_30d"))


@dataclass(frozen=True)
class TeamContext:
    """A list, its policy, and what people did up to it; ``store`` holds the lists before it."""

    run: RunInfo
    policy: Policy
    in_force: tuple[Action, ...]
    judged: tuple[Promise, ...]
    store: ListStore


def details_of(engine: Engine, store: ListStore, run: RunInfo, policy: Policy) -> Details:
    """Return the three details of a list; the layers must have been built for its time. ``store``: lists before it."""
    in_force = actions.in_force(actions.read(store))
    judged = promise_states.promises(engine, in_force, run.as_of, policy.promise_grace_days)
    context = TeamContext(run, policy, in_force, judged, store)
    return {
        WORK: lambda: iter(_work(engine, context).to_batches()),
        MONEY: lambda: iter(_money(engine, context).to_batches()),
        RECEIVABLES: lambda: engine.read_batches(team_sql.receivables(_owned(context), run.as_of)),
    }


def _owned(context: TeamContext) -> str:
    assigned = {one.customer_id: str(one.outcome) for one in context.in_force if one.kind == "assigned"}
    return team_sql.owned(assigned, context.policy)


def _contact_actions(context: TeamContext) -> dict[tuple[str, datetime], Action]:
    """Return the contacts that people recorded: (customer, known at) -> action."""
    contacts = (one for one in context.in_force if one.kind == "contacted")
    return {(one.customer_id, max(one.recorded_at or one.at, one.at)): one for one in contacts}


def _work(engine: Engine, context: TeamContext) -> pa.Table:
    since, as_of = closings(context.run.as_of)[-1], context.run.as_of
    rows = engine.read(f"""
        WITH {_owned(context)}, {team_sql.contacts(since, as_of)}
        SELECT customer_id, known_at, channel, owner AS worker, team
        FROM contacts
        ORDER BY known_at, customer_id, channel NULLS FIRST""").to_pylist()
    recorded = _contact_actions(context)
    for row in rows:
        action = recorded.get((row["customer_id"], row["known_at"]))
        row.update({"kind": "contacted"} | ({"worker": action.by, "outcome": action.outcome} if action else {}))
    teams = _teams(engine, [one.action.customer_id for one in context.judged])
    for promise in context.judged:
        one, at = promise.action, promise.action.recorded_at or promise.action.at
        if since < at <= as_of and one.amount is not None:
            rows.append({
                "customer_id": one.customer_id, "known_at": at, "worker": one.by, "team": teams.get(one.customer_id),
                "kind": "promised", "outcome": promise.state, "currency": one.currency,
                "amount_minor": int(one.amount * 100),
            })  # fmt: skip
    return pa.Table.from_pylist(rows, schema=WORK_SCHEMA)


def _teams(engine: Engine, customers: Iterable[str]) -> dict[str, str | None]:
    names = ", ".join(sorted({sql_literal(name) for name in customers}))
    if not names:
        return {}
    rows = engine.read(f"SELECT customer_id, segment FROM raw_customers WHERE customer_id IN ({names})")
    return {row["customer_id"]: row["segment"] for row in rows.to_pylist()}


def _money(engine: Engine, context: TeamContext) -> pa.Table:
    since = closings(context.run.as_of)[-1]
    rows = engine.read(team_sql.first_contacts(_owned(context), since, context.run.as_of))
    recorded = _contact_actions(context)
    keys = list(zip(rows["customer_id"].to_pylist(), rows["known_at"].to_pylist(), strict=True))
    owners = rows["worker"].to_pylist()
    worker = [recorded[key].by if key in recorded else owner for key, owner in zip(keys, owners, strict=True)]
    rows = rows.set_column(rows.column_names.index("worker"), "worker", make.array(worker, pa.string()))
    return _with_expected(rows, context)


def _with_expected(rows: pa.Table, context: TeamContext) -> pa.Table:
    """Return the rows with what the newest list before each contact expected; NULL where no list is kept.

    What an earlier run worked out stays: its list may be gone by now.
    """
    runs = sorted((one.run for one in context.store.runs()), key=lambda run: run.as_of)
    known: dict[tuple[str, datetime, str], tuple[int | None, ...]] = {}
    for run in (one for one in reversed(runs) if one.as_of < context.run.as_of):
        if (former := context.store.detail(run.run_id, MONEY)) is not None:
            known = {_key(row): tuple(row[name] for name in _EXPECTED) for row in former.to_pylist()}
            break
    keys = [_key(row) for row in rows.select(["customer_id", "known_at", "currency"]).to_pylist()]
    listed = [next((run.run_id for run in reversed(runs) if run.as_of <= at), "") for _, at, _ in keys]
    missing: dict[str, set[str]] = {}
    for key, run_id in zip(keys, listed, strict=True):
        if known.get(key, (None,))[0] is None:
            missing.setdefault(run_id, set()).add(key[0])
    sums = {run.run_id: _expected(context.store, run, missing[run.run_id]) for run in runs if run.run_id in missing}
    values = []
    for key, run_id in zip(keys, listed, strict=True):
        fresh = sums.get(run_id, {}).get((key[0], key[2]))
        values.append(fresh or known.get(key) or (None, None))
    for position, name in enumerate(_EXPECTED):
        rows = rows.append_column(name, make.array([value[position] for value in values], pa.int64()))
    return rows


def _key(row: dict[str, object]) -> tuple[str, datetime, str]:
    return row["customer_id"], row["known_at"], row["currency"]  # type: ignore[return-value]


def _expected(store: ListStore, run: RunInfo, customers: set[str]) -> dict[tuple[str, str], tuple[int | None, ...]]:
    """Return what a list expected of customers within 7 and 30 days: (customer, currency) -> hundredths."""
    names = ("customer_id", "currency", "outstanding", "p_7d", "p_recover_30d")
    rows = store.columns(run.run_id, names, by="order")
    rows = rows.filter(pc.is_in(rows["customer_id"], value_set=pa.array(sorted(customers), pa.string())))
    sums = rows.select(["customer_id", "currency"])
    for name, chance in _WITHIN:
        units, is_known = p_units(rows.select([chance]).rename_columns(["p_recover_30d"]))
        if chance == "p_recover_30d" and run.horizon_days != 30:
            is_known = np.zeros(rows.num_rows, dtype=np.bool_)
        amounts = expected_minor(minor(rows, "outstanding"), units)
        sums = sums.append_column(name, make.array(amounts, mask=~is_known))
    total = sums.group_by(["customer_id", "currency"]).aggregate([(name, "sum") for name in _EXPECTED])
    keys = zip(text(total, "customer_id").to_pylist(), text(total, "currency").to_pylist(), strict=True)
    amounts_of = zip(*(total[f"{name}_sum"].to_pylist() for name in _EXPECTED), strict=True)
    return dict(zip(keys, amounts_of, strict=True))
