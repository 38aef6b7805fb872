"""Experiments and their assignments in the database: rows that are only ever added, before the list is shown."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import pyarrow as pa

from payrec.common.arrow import TIME, constant, pc
from payrec.common.errors import UsageError
from payrec.common.text import sql_literal
from payrec.data import snapshots
from payrec.data.engines import Engine
from payrec.data.engines.retry import retrying
from payrec.data.migrations import migrate_published
from payrec.publish import ledger
from payrec.publish.personal import PERSON
from payrec.worklist.assignment import SCHEMA, Arms, Experiment, Running

EXPERIMENTS, ASSIGNMENTS, ASSIGNED_ORDERS = "payrec_experiments", "payrec_assignments", "payrec_assigned_orders"
OF_PERSONS = (ASSIGNMENTS, ASSIGNED_ORDERS)
_ORDER = ["customer_id", "epoch", "order_id", "as_of", "outstanding_value", "ev_currency", "p_recover", "features"]


@dataclass(frozen=True)
class Registered:
    """An experiment, when it was started and by whom; ``stopped_at`` None: it runs."""

    experiment: Experiment
    started_at: datetime
    who: str
    stopped_at: datetime | None = None


def registered(engine: Engine) -> list[Registered]:
    """Return all experiments, in the order of their starts."""
    if EXPERIMENTS not in engine.tables():
        return []
    columns = "experiment_id, change, changed_at, who, settings"
    rows = engine.read(f"SELECT {columns} FROM {EXPERIMENTS} ORDER BY changed_at, experiment_id").to_pylist()
    stops = {row["experiment_id"]: row["changed_at"] for row in rows if row["change"] == "stop"}
    return [
        Registered(
            Experiment.from_json(row["settings"]), row["changed_at"], row["who"], stops.get(row["experiment_id"])
        )
        for row in rows
        if row["change"] == "start"
    ]


def running(engine: Engine) -> Registered | None:
    """Return the experiment that runs, None if none does."""
    return next((one for one in registered(engine) if one.stopped_at is None), None)


def start(engine: Engine, experiment: Experiment, at: datetime, who: str) -> None:
    """Register an experiment; lists that are published from now on assign by it.

    Raises
    ------
    UsageError
        Another one runs: its share cannot change, since customers would then be held out by two rules in one epoch.
    """
    migrate_published(engine)

    def begin() -> None:
        with engine.transaction():
            ledger.fence(engine)
            others = registered(engine)
            for other in others:
                if other.stopped_at is None:
                    name, share = other.experiment.experiment_id, other.experiment.share
                    msg = f"found experiment {name} running with {share:.0%} held out; it cannot change while it runs"
                    raise UsageError(f"{msg}\nstop it first: payrec holdout stop")
            if experiment.experiment_id in {other.experiment.experiment_id for other in others}:
                msg = f"found an earlier experiment {experiment.experiment_id}, expected a name of its own"
                raise UsageError(f"{msg}\nname another with --name")
            _change(engine, experiment, "start", at, who)

    retrying(begin)
    ledger.add(engine, ledger.Entry(at, who, "holdout.start", experiment.experiment_id, "done", experiment.to_json()))


def stop(engine: Engine, at: datetime, who: str) -> Registered:
    """Stop the experiment that runs: nobody is held out any more.

    Raises
    ------
    UsageError
        None runs.
    """

    def end() -> Registered:
        with engine.transaction():
            if EXPERIMENTS in engine.tables():
                ledger.fence(engine)
            one = running(engine)
            if one is None:
                raise UsageError("found no experiment that runs, expected one to stop\nstart one: payrec holdout start")
            _change(engine, one.experiment, "stop", at, who)
            return one

    stopped = retrying(end)
    ledger.add(engine, ledger.Entry(at, who, "holdout.stop", stopped.experiment.experiment_id, "done"))
    return stopped


def _change(engine: Engine, experiment: Experiment, change: str, at: datetime, who: str) -> None:
    row = {
        "experiment_id": experiment.experiment_id, "change": change, "changed_at": at, "who": who[:200],
        "settings": experiment.to_json(),
    }  # fmt: skip
    engine.write(EXPERIMENTS, pa.Table.from_pylist([row]).cast(_schema(row)), key=())


def _schema(row: dict[str, Any]) -> pa.Schema:
    return pa.schema([(name, TIME if name == "changed_at" else pa.string()) for name in row])


def state(engine: Engine, run_id_of: str | None = None) -> Running | None:
    """Return the experiment that runs with all assignments but those of one run; None without an experiment."""
    one = running(engine)
    if one is None:
        return None
    where = f"experiment_id = {sql_literal(one.experiment.experiment_id)}"
    if run_id_of is not None:
        where += f" AND run_id <> {sql_literal(run_id_of)}"
    columns, order = ", ".join(SCHEMA.names), "customer_id, epoch"
    rows = engine.read(f"SELECT {columns} FROM {ASSIGNMENTS} WHERE {where} ORDER BY {order}")
    return Running(one.experiment, rows.cast(SCHEMA))


def assignments(engine: Engine, experiment_id: str) -> tuple[pa.Table, pa.Table]:
    """Return the assignments of an experiment, and the orders of the assigned customers, by customer and epoch."""
    where = f"WHERE experiment_id = {sql_literal(experiment_id)} ORDER BY customer_id, epoch"
    drawn = engine.read(f"SELECT {', '.join(SCHEMA.names)}, run_id FROM {ASSIGNMENTS} {where}")
    columns = ", ".join(_ORDER)
    return drawn, engine.read(f"SELECT {columns} FROM {ASSIGNED_ORDERS} {where}, order_id")


def add(engine: Engine, experiment: Experiment, arms: Arms, orders: pa.Table, run_id: str, at: datetime) -> None:
    """Write down the new assignments of a list, and what the customers owed; those that are there already stay.

    ``orders``: the list in the columns of ``rank.SCHEMA``. A run that was killed after this draws the same again.
    """
    with engine.transaction():
        known = engine.read(
            f"SELECT customer_id, epoch FROM {ASSIGNMENTS} "
            f"WHERE experiment_id = {sql_literal(experiment.experiment_id)}"
        )
        new = arms.new.filter(pc.invert(pc.is_in(_key(arms.new), value_set=_key(known))))
        if new.num_rows == 0:
            return
        stamps = {"run_id": run_id, "experiment_id": experiment.experiment_id}
        rows = new.append_column("assigned_at", constant(at, TIME, new.num_rows))
        engine.write(ASSIGNMENTS, _stamped(rows, stamps), key=())
        engine.write(
            ASSIGNED_ORDERS, _stamped(orders_of(arms, new, orders), {"experiment_id": stamps["experiment_id"]}), key=()
        )


def orders_of(arms: Arms, new: pa.Table, orders: pa.Table) -> pa.Table:
    """Return the orders that newly assigned customers could be contacted about, held out or not."""
    free = pc.or_(pc.is_valid(orders["rank"]), pc.fill_null(pc.equal(orders["suppressed_reason"], "held_out"), False))
    listed = orders.filter(free).rename_columns(
        {"p_recover_30d": "p_recover"} | {name: name for name in orders.column_names if name != "p_recover_30d"}
    )
    if arms.features is None:
        listed = listed.append_column("features", pa.nulls(listed.num_rows, pa.string()))
    else:
        at = pc.index_in(listed["order_id"], value_set=arms.features["order_id"].combine_chunks())
        listed = listed.append_column("features", arms.features["features"].take(at))
    return listed.join(new.select(["customer_id", "epoch"]), "customer_id", join_type="inner").select(_ORDER)


def _key(rows: pa.Table) -> Any:
    parts = (pc.cast(rows["epoch"], pa.string()), rows["customer_id"].cast(pa.string()))
    return pc.binary_join_element_wise(*parts, "\0").combine_chunks()


def _stamped(rows: pa.Table, values: dict[str, str]) -> pa.Table:
    for name, value in values.items():
        rows = rows.append_column(name, constant(value, pa.string(), rows.num_rows))
    return rows


def outcomes(engine: Engine, experiment: Experiment) -> pa.Table:
    """Return the assigned orders with ``label`` (1 recovered in the epoch, 0 not, NULL unknown) and ``is_contacted``.

    The layers must have been built. Orders are those of the day of the assignment, whoever owes them since. An order
    that ended without money is 0: left out, orders would be missing whenever a contact was not in time.
    """
    days, chosen = int(experiment.horizon_days), f"a.experiment_id = {sql_literal(experiment.experiment_id)}"
    deadline = f"a.as_of + {days} * INTERVAL '1' DAY"
    return engine.read(
        f"""
        WITH contacted AS (
            SELECT DISTINCT a.customer_id, a.epoch
            FROM {ASSIGNED_ORDERS} AS a
            JOIN stg_orders AS o ON o.order_id = a.order_id
            JOIN stg_events AS e ON e.order_no = o.order_no
            JOIN event_types AS t ON t.kind = e.kind
            WHERE {chosen} AND t.event_type = 'contact' AND e.known_at > a.as_of AND e.known_at <= {deadline}
        )
        SELECT a.customer_id, a.epoch, a.order_id, a.as_of, a.outstanding_value, a.ev_currency, a.p_recover, a.features,
            CASE WHEN b.closed_by IN ('void', 'credit') THEN 0 ELSE {snapshots.LABEL} END AS label,
            CAST(CASE WHEN c.epoch IS NULL THEN 0 ELSE 1 END AS SMALLINT) AS is_contacted
        FROM {ASSIGNED_ORDERS} AS a
        LEFT JOIN stg_orders AS o ON o.order_id = a.order_id
        LEFT JOIN stg_balances AS b
            ON b.order_no = o.order_no AND b.from_at <= {deadline} AND (b.until_at IS NULL OR b.until_at > {deadline})
        LEFT JOIN contacted AS c ON c.customer_id = a.customer_id AND c.epoch = a.epoch
        WHERE {chosen}
        ORDER BY a.customer_id, a.epoch, a.order_id
        """
    )


def rows_of(engine: Engine, customer_id: str) -> dict[str, list[dict[str, Any]]]:
    """Return what is stored of a customer, by table."""
    named = f"{PERSON} = {sql_literal(customer_id)}"
    there = [table for table in OF_PERSONS if table in engine.tables()]
    return {table: engine.read(f"SELECT * FROM {table} WHERE {named}").to_pylist() for table in there}


def erase(engine: Engine, customer_id: str) -> int:
    """Delete what is stored of a customer, in the caller's transaction; return the number of rows."""
    held = rows_of(engine, customer_id)
    for table in (table for table, rows in held.items() if rows):
        engine.run(f"DELETE FROM {table} WHERE {PERSON} = {sql_literal(customer_id)}")
    return sum(len(rows) for rows in held.values())
