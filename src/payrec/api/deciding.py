"""From the model to a list that is worked and watched: score, explain, run, worklist, monitor; and demo, all of it."""

from __future__ import annotations

import os
import socket
from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from payrec import commands
from payrec.api.preparing import HORIZON_DAYS, Progress, asked, quiet
from payrec.commands import deciding, layers, learning
from payrec.commands import demo as made
from payrec.common.errors import UsageError
from payrec.data import layers as warehouse
from payrec.data.engines import Engine, keeps_lists
from payrec.model.explain import Waterfall
from payrec.model.recipes import training
from payrec.model.store import versions
from payrec.publish import export, lock
from payrec.publish.run_info import Published
from payrec.publish.store import ListStore, open_store
from payrec.worklist.policy import Policy


def score(
    engine: Engine,
    models: Path | str = "models",
    as_of: datetime | None = None,
    policy: Policy | None = None,
    capacity: int | None = None,
    now: datetime | None = None,
    progress: Progress = quiet,
) -> deciding.Decided:
    """Score and rank the open orders, without publishing them; ``ranked`` of the answer is the list.

    Parameters
    ----------
    as_of
        When the question is asked (UTC, without zone); None: the end of the observed data.
    policy, capacity
        The rules (None: the defaults), and how many contacts there can be.
    now
        When it is scored, for the stamp; None: ``as_of``.

    >>> decided = payrec.score(engine, models, capacity=20)
    >>> sum(decided.ranked["priority_flag"].to_pylist())
    20
    """
    warehouse.prepare(engine)
    bundle = versions.champion(Path(models))
    wanted = warehouse.Parameters((as_of,) if as_of else None, (), bundle.model.horizon_days)
    layers.ensure_built(engine, wanted, progress)
    at = now or as_of or warehouse.observed_until(engine) or datetime(1970, 1, 1)
    question = commands.question(engine, bundle, _rules(policy, capacity), as_of, at, progress)
    return deciding.score(engine, question, progress)


def _rules(policy: Policy | None, capacity: int | None) -> Policy:
    rules = policy or Policy()
    return rules if capacity is None else replace(rules, capacity=replace(rules.capacity, total=capacity))


def score_file(
    file: Path | str,
    models: Path | str = "models",
    as_of: datetime | None = None,
    policy: Policy | None = None,
    capacity: int | None = None,
    now: datetime | None = None,
) -> deciding.Decided:
    """Score an exported feature view without a database, as ``payrec score --features FILE``.

    >>> decided = payrec.score_file(folder / "open_orders.csv", models)
    >>> decided.ranked.num_rows > 0
    True
    """
    at = now or as_of or datetime(1970, 1, 1)
    return deciding.score_file(
        Path(file), versions.champion(Path(models)), _rules(policy, capacity), as_of, at, quiet
    )  # fmt: skip


def explain(
    engine: Engine,
    order_id: str,
    models: Path | str = "models",
    as_of: datetime | None = None,
    progress: Progress = quiet,
) -> Waterfall:
    """Explain one open order's probability: what raised and what lowered it; the steps add up.

    Raises
    ------
    UsageError
        The order is not open at ``as_of``, or not there.

    >>> steps = payrec.explain(engine, order_id, models)
    >>> abs(steps.base + sum(step.points for step in steps.steps) - steps.probability) < 1e-9
    True
    """
    model = versions.champion(Path(models)).model
    wanted = warehouse.Parameters((as_of,) if as_of else None, (), model.horizon_days)
    layers.ensure_built(engine, wanted, progress)
    times = warehouse.scoring_times(engine)
    if not times:
        raise UsageError("found no orders, expected some\nload them: payrec load transactions FILE")
    return deciding.explain(engine, model, order_id, as_of or times[-1])[1]


def run(
    url: str,
    now: datetime,
    as_of: datetime | None = None,
    models: Path | str = "models",
    published: Path | str = "out/published",
    policy: Policy | None = None,
    capacity: int | None = None,
    progress: Progress = quiet,
) -> commands.Report:
    """Build, check, score, decide, publish and monitor: once; the same run again changes nothing. No alert is sent.

    Parameters
    ----------
    url
        Address of the database. It is not an engine, because the lock is taken before the database is opened.
    now
        What time it is (UTC, without zone).
    published
        Folder of the published lists; not used on PostgreSQL, where they are tables.

    >>> first = payrec.run(url, now, models=models, published=published, capacity=20)
    >>> again = payrec.run(url, now, models=models, published=published, capacity=20)
    >>> first.already_done, again.already_done
    (False, True)
    """
    return commands.night(_night(url, now, as_of, Path(models), Path(published), _rules(policy, capacity)), progress)


def _night(
    url: str, now: datetime, as_of: datetime | None, models: Path, published: Path, rules: Policy
) -> commands.Night:
    return commands.Night(
        as_of=as_of,
        models=models,
        policy=rules,
        published=None if keeps_lists(url) else published,
        holder=lock.Holder(os.getpid(), socket.gethostname(), now),
        database_url=url,
        lock_folder=published.parent,
        now=now,
    )


def worklist(published: Path | str | Engine, capacity: int | None = None, out: Path | str | None = None) -> pa.Table:
    """Return the list that is published now: the rows to act on, or the first ``capacity`` that are worth a contact.

    Parameters
    ----------
    published
        Folder of the published lists, or the PostgreSQL engine that holds them.
    out
        Also write it: ``.csv``, ``.xlsx`` or ``.parquet``.

    >>> payrec.worklist(published, capacity=5)["rank"].to_pylist()
    [1, 2, 3, 4, 5]
    """
    store = open_store(Path(published) if isinstance(published, str) else published)
    found = _current(store)
    rows = store.scores(found.run.run_id)
    pays = pc.and_(pc.is_valid(rows["rank"]), pc.greater_equal(rows["net_value"], pa.scalar(Decimal(0))))
    kept = rows.filter(pc.equal(rows["priority_flag"], pa.scalar(1, rows["priority_flag"].type)))
    kept = kept if capacity is None else rows.filter(pays).slice(0, capacity)
    if out is not None:
        Path(out).parent.mkdir(parents=True, exist_ok=True)
        export.write(kept, Path(out), found.run.stamp)
    return kept


def monitor(published: Path | str | Engine) -> pa.Table:
    """Return what monitoring found in the newest published run: a row for each verdict.

    >>> {"ok", "watch", "alarm"} >= set(payrec.monitor(published)["level"].to_pylist())
    True
    """
    store = open_store(Path(published) if isinstance(published, str) else published)
    history = store.verdicts()
    return history.filter(pc.equal(history["run_id"], pa.scalar(_current(store).run.run_id)))


def _current(store: ListStore) -> Published:
    found = store.current()
    if found is None:
        raise UsageError("found no published list, expected one\nmake it: payrec run")
    return found


def demo(
    out: Path | str, now: datetime, orders: int = 50_000, capacity: int = 200, progress: Progress = quiet
) -> made.Demo:
    """Do the whole job on made data in the folder ``out``, from files to the published list."""
    folder = Path(out)
    folder.mkdir(parents=True, exist_ok=True)
    how = _night(
        f"duckdb:///{folder / 'payrec.duckdb'}",
        now,
        None,
        folder / "models",
        folder / "published",
        _rules(None, capacity),
    )
    spec = training.TrainSpec("auto", HORIZON_DAYS)
    return made.run(folder, orders, learning.Learning(asked(HORIZON_DAYS), spec, folder / "models", now), how, progress)
