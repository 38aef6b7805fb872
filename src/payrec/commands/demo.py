"""payrec demo: the whole job on simulated data, whose outcome is known: so the list can be checked against it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

import numpy as np
from pyarrow import parquet

from payrec.commands import HORIZON_DAYS, MAX_ROWS, SEED, load
from payrec.commands.list_summary import chosen
from payrec.commands.policies import policy_of
from payrec.commands.report import report
from payrec.commands.run import run
from payrec.commands.run_report import RunReport
from payrec.commands.scoring import Worklist
from payrec.commands.simulate import simulate
from payrec.commands.simulated_year import SimulatedYear, listed_orders, play
from payrec.commands.train import Trained, train
from payrec.common.arrow import make
from payrec.common.errors import ModelRefused, UsageError
from payrec.common.progress import Progress, silent
from payrec.data import layers
from payrec.data.engines import Engine, connect
from payrec.data.parameters import LANDMARK_AGES
from payrec.model.evaluate import expected_sum, metrics
from payrec.model.store import versions
from payrec.publish import export
from payrec.simulate.simulator import REPORTING_CURRENCY
from payrec.worklist import customer_list
from payrec.worklist.assignment import Experiment
from payrec.worklist.policy import Policy

_LISTED = [
    "order_id", "customer_id", "as_of", "chosen", "outstanding_value", "ev_recovered", "p_recover_30d", "age_days",
    "horizon_days",
]  # fmt: skip


@dataclass(frozen=True)
class Truth:
    """What the ``contacted`` brought within the horizon, in the reporting currency, and what another sequence brings.

    ``contacts_by_amount``: contacts that bring as much if the largest amount comes first; None: all do not.
    """

    contacted: int
    orders: int
    expected: float
    interval: tuple[float, float]
    came_back: float
    by_other_order: dict[str, float]
    best_possible: float
    contacts_by_amount: int | None


@dataclass(frozen=True, repr=False)
class Demo:
    """What the demo did; ``trained`` is None if the champion was already trained on these data.

    ``rows``: by raw table. ``truth``: None where the outcome is not known. ``files``: by what they hold.
    ``year``: a simulated year with an experiment, if a model was trained now.
    """

    rows: dict[str, int]
    trained: Trained | None
    report: RunReport
    truth: Truth | None
    files: dict[str, Path]
    year: SimulatedYear | None = None

    def __repr__(self) -> str:
        return f"<Demo of {self.rows['raw_transactions']:,} simulated orders: {self.report!r}>"


def demo(
    out: Path | str,
    now: datetime,
    orders: int = 50_000,
    capacity: int = 50,
    url: str | None = None,
    models: Path | str | None = None,
    published: Path | str | None = None,
    lock_folder: Path | str | None = None,
    policy: Policy | Path | str | None = None,
    horizon_days: int = HORIZON_DAYS,
    landmark_ages: tuple[int, ...] = LANDMARK_AGES,
    seed: int = SEED,
    max_rows: int = MAX_ROWS,
    alert_to: str | None = None,
    secrets: tuple[str, ...] = (),
    retention_days: int | None = None,
    progress: Progress = silent,
) -> Demo:
    """Do the whole job on simulated data in the folder ``out``; a second time only what is new.

    ``url``, ``models``, ``published`` and ``lock_folder`` are in ``out`` by default; the rest as :func:`payrec.train`
    and :func:`payrec.run`.

    Raises
    ------
    UsageError
        The database holds orders that the demo did not simulate.
    """
    folder = Path(out)
    folder.mkdir(parents=True, exist_ok=True)
    address, store = url or f"duckdb:///{folder / 'payrec.duckdb'}", Path(models or folder / "models")
    lists = Path(published or folder / "published")
    trained = year = None
    with connect(address) as engine:
        rows = _loaded(engine, folder, orders, now, progress)
        if not _trained_on(store, layers.fingerprint(engine)):
            trained = train(
                engine, store, "auto", horizon_days, now=now, landmark_ages=landmark_ages, seed=seed,
                max_rows=max_rows, policy=policy, capacity=capacity, progress=progress,
            )  # fmt: skip
            progress("playing a year with an experiment")
            rules = replace(policy_of(policy, capacity), reporting_currency=REPORTING_CURRENCY)
            listed = listed_orders(engine, versions.show(store, trained.model_id), folder)
            year = play(listed, Experiment("demo", seed, 0.2), rules, max(capacity, 10), seed)
    done = run(
        address, now, models=store, published=lists, policy=policy, capacity=capacity,
        lock_folder=lock_folder or folder, alert_to=alert_to, secrets=secrets, retention_days=retention_days,
        progress=progress,
    )  # fmt: skip
    run_info = done.published.run
    listed = done.customers if run_info.summary.unit == "customer" else done.ranked
    export.write(chosen(listed), folder / "worklist.csv", run_info.stamp)
    page = report(folder / "report.html", "champion", store).page
    files = {"worklist": folder / "worklist.csv", "report": page, "published": lists}
    return Demo(rows, trained, done, truth(done.worklist, folder), files, year)


def _loaded(engine: Engine, folder: Path, orders: int, now: datetime, progress: Progress) -> dict[str, int]:
    layers.prepare(engine)
    stored = layers.count(engine, "raw_transactions")
    if not stored:
        simulate(orders, 1, folder, progress)
        load.transactions(engine, folder / "transactions.csv", now=now, progress=progress)
        load.events(engine, folder / "events.csv", now=now, progress=progress)
        load.fx(engine, folder / "fx.csv", now=now, reporting_currency=REPORTING_CURRENCY, progress=progress)
    elif not (folder / "truth.parquet").exists() or stored != parquet.read_metadata(folder / "truth.parquet").num_rows:
        _require_own(engine, folder, stored)
    return {table: layers.count(engine, table) for table in ("raw_transactions", "raw_events", "fx_rates")}


def _require_own(engine: Engine, folder: Path, stored: int) -> None:
    strange = layers.count(engine, "raw_transactions", "order_id NOT LIKE 'o________' OR customer_id NOT LIKE 'c%'")
    if strange or not (folder / "truth.parquet").exists():
        msg = (
            f"found {stored:,} orders in the database that the demo did not simulate, expected none or its own\n"
            "run it in another folder, or name an empty database with --database"
        )
        raise UsageError(msg)


def _trained_on(models: Path, inputs: str) -> bool:
    try:
        return (versions.champion(models).card or {}).get("inputs_sha256") == inputs
    except ModelRefused:
        return False


def truth(listed: Worklist, folder: Path) -> Truth | None:
    """Compare the chosen of a list with what happened next; None where the outcome is not known.

    One contact is one customer with all ranked orders, or one order where the policy says so.
    """
    known = parquet.read_table(folder / "truth.parquet", columns=["order_id", "as_of", "recovered_after_days"])
    by_customer = listed.run.summary.unit == "customer"
    chosen = customer_list.chosen_orders(listed.ranked, listed.customers if by_customer else None)
    orders = listed.ranked.append_column("chosen", make.array(chosen))
    orders = orders.filter(orders["rank"].is_valid()).select(_LISTED)
    rows = orders.join(known, ["order_id", "as_of"], join_type="inner").to_pandas()
    if rows.empty:
        return None
    rows["value"] = rows["outstanding_value"].astype(float)
    rows["gain"] = rows["value"].where(rows["recovered_after_days"] <= rows["horizon_days"], 0.0)
    contacts = rows.groupby("customer_id" if by_customer else "order_id").agg(
        value=("value", "sum"), gain=("gain", "sum"), age_days=("age_days", "max"), chosen=("chosen", "max")
    )
    gain, value = contacts["gain"].to_numpy(), contacts["value"].to_numpy()
    contacted, worked = int(contacts["chosen"].sum()), rows[rows["chosen"]]
    other_orders = {
        "the largest amount first": value,
        "the oldest first": contacts["age_days"].to_numpy(np.float64),
        "at random": np.zeros(len(gain)),
    }
    share = [contacted / len(gain)]
    others = {name: float(metrics.captured(gain, score, share)[0]) for name, score in other_orders.items()}
    hundredths = np.rint(worked["value"].to_numpy() * 100).astype(np.int64)
    total = expected_sum.expected_sum(hundredths, worked["p_recover_30d"].to_numpy(), listed.run.summary.spread)
    came = float(worked["gain"].sum())
    return Truth(
        contacted, len(worked), float(worked["ev_recovered"].astype(float).sum()),
        (total.low_95 / 100, total.high_95 / 100), came, others, float(np.sort(gain)[::-1][:contacted].sum()),
        metrics.rows_needed(gain, value, came),
    )  # fmt: skip
