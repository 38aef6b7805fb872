"""payrec run: build, check, score, decide, publish, monitor. Once, whole, and the same run again changes nothing."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa

from payrec.commands.check import require_safe
from payrec.commands.list_summary import summarise
from payrec.commands.monitor import unmapped
from payrec.commands.policies import policy_of
from payrec.commands.scoring import ScoringRequest, Worklist, score_layers, scoring_request
from payrec.common.errors import DataRefused, Locked, PayrecError
from payrec.common.progress import Progress, silent
from payrec.data import audit, layers
from payrec.data.engines import Engine, connect, keeps_lists
from payrec.model.store import versions
from payrec.model.store.bundle import Bundle
from payrec.monitor import alerts, drift, outcomes, verdicts
from payrec.monitor.limits import limits_of
from payrec.monitor.verdicts import Level, Verdict
from payrec.publish import details, ledger, lock, replay
from payrec.publish.run_info import Published
from payrec.publish.store import ListStore, open_store
from payrec.worklist.policy import Policy

MATURED_WEEKS = 8  # of past lists whose outcome is looked at again in each run
UNSAFE_TO_SCORE = ("promise.", "future_facts")  # findings that make a list as wrong as a model


@dataclass(frozen=True)
class RunConfig:
    """Everything that a run is configured by.

    ``as_of`` None: the end of the observed data. ``published`` None: lists are published in the database itself.
    """

    as_of: datetime | None
    models: Path
    policy: Policy
    published: Path | None
    holder: lock.Holder
    database_url: str
    lock_folder: Path
    now: datetime
    wait_s: float = 0.0
    alert_to: tuple[alerts.Target, ...] = ()
    secrets: tuple[str, ...] = ()
    retention_days: int | None = None


@dataclass(frozen=True, repr=False)
class RunReport:
    """What a run did: the published list, whether it was there already, and what monitoring found."""

    published: Published
    ranked: pa.Table
    already_done: bool
    verdicts: tuple[Verdict, ...]
    too_old: int
    policy: Policy
    deliveries: tuple[alerts.Delivery, ...] = ()

    @property
    def level(self) -> Level:
        """The most severe verdict."""
        return verdicts.worst(self.verdicts)

    @property
    def unmapped_reason_codes(self) -> list[dict[str, Any]]:
        """The reason codes of the list that have no meaning yet, with the orders that have them."""
        return unmapped(self.ranked, self.policy)

    def summary(self) -> dict[str, Any]:
        """Return orders and money of the list by currency, as :meth:`Worklist.summary`."""
        return summarise(self.ranked, self.published.run)

    def __repr__(self) -> str:
        done = "done before" if self.already_done else "published"
        return f"<RunReport of run {self.published.run.run_id}: {done}, {self.level}, {self.published.orders:,} orders>"


def run(
    url: str,
    now: datetime,
    as_of: datetime | None = None,
    models: Path | str = "models",
    published: Path | str = "out/published",
    policy: Policy | Path | str | None = None,
    capacity: int | None = None,
    wait_s: float = 0.0,
    lock_folder: Path | str = "out",
    alert_to: str | None = None,
    secrets: tuple[str, ...] = (),
    retention_days: int | None = None,
    progress: Progress = silent,
) -> RunReport:
    """Build, check, score, decide, publish and monitor: once; the same run again changes nothing.

    Parameters
    ----------
    url
        Address of the database. It is not an engine, because the lock is taken before the database is opened.
    now
        The present (UTC, without zone).
    published
        Folder of the published lists; not used on PostgreSQL, where they are tables.
    wait_s, lock_folder
        How long to wait for another run to end, and the folder in which runs of this database lock each other out.
    alert_to, secrets
        Webhook or apprise addresses of alarms and failures, and texts that no alert and no record may hold.
    retention_days
        Published lists older than this are removed; None: as many are kept as fit.

    Raises
    ------
    Locked
        Another run is under way.
    ModelRefused, DataRefused, DatabaseUnreachable
        A step could not do its work; the former list is still served.

    >>> first = payrec.run(url, now, models=models, published=published, lock_folder=folder, capacity=20)
    >>> again = payrec.run(url, now, models=models, published=published, lock_folder=folder, capacity=20)
    >>> first.already_done, again.already_done
    (False, True)
    """
    config = RunConfig(
        as_of=as_of,
        models=Path(models),
        policy=policy_of(policy, capacity),
        published=None if keeps_lists(url) else Path(published),
        holder=lock.Holder(os.getpid(), socket.gethostname(), now),
        database_url=url,
        lock_folder=Path(lock_folder),
        now=now,
        wait_s=wait_s,
        alert_to=alerts.targets(alert_to),
        secrets=secrets,
        retention_days=retention_days,
    )
    return execute(config, progress)


def execute(config: RunConfig, progress: Progress) -> RunReport:
    """Run everything once, under the lock; a failure is recorded, alerted, and raised.

    Raises
    ------
    Locked
        Another run is under way.
    ModelRefused, DataRefused, DatabaseUnreachable
        A step could not do its work; the former list is still served.
    """
    # the lock comes before the database: a second run must report who holds it, not that a file is in use
    with ExitStack() as stack:
        with _alarmed(config, "start"):
            stack.enter_context(lock.held(config.database_url, config.lock_folder, config.holder, config.wait_s))
            engine = stack.enter_context(connect(config.database_url))
        return _held(engine, config, progress)


def _held(engine: Engine, config: RunConfig, progress: Progress) -> RunReport:
    store = open_store(config.published or engine)
    with _recorded(engine, config, "build"):
        bundle = versions.champion(config.models)
        request = scoring_request(engine, bundle, config.policy, config.as_of, config.now, progress)
    damages = store.repair()
    former = store.current()
    is_same = former is not None and former.run.run_id == request.run_id
    if former is not None and is_same and not damages and ledger.ended(engine, request.run_id):
        _retire(store, config)
        return _as_before(store, former, config)
    done = ledger.begin(engine, config.now, str(config.holder), request.run_id)
    with _recorded(engine, config, "run", request.run_id):
        if "check" not in done:
            progress("checking")
            _require_sound(audit.run(engine, config.now))
            _step(engine, config, "check", request.run_id)
        worklist = score_layers(engine, request, progress)
        progress("publishing")
        store.commit(worklist.run, worklist.ranked, details=_details(engine, request, worklist))
        _step(engine, config, "publish", request.run_id)
        progress("monitoring")
        damaged = [drift.Figure("damaged", str(one), 1.0) for one in damages]
        judged = verdicts.verdicts_of(damaged, limits_of(config.policy)) + watch(engine, config, worklist, bundle)
        store.add_verdicts(request.run_id, verdicts.to_table(judged, request.run_id, request.as_of))
        _step(engine, config, "monitor", request.run_id)
        # alerted before it counts as done: a run that is killed in between alerts twice, rather than never
        alert = alerts.of_verdicts(judged, request.run_id)
        sent = tuple(alerts.send(alert, config.alert_to, config.secrets)) if alert and config.alert_to else ()
        ledger.add(
            engine, ledger.Entry(config.now, str(config.holder), "run", request.run_id, "done", _undelivered(sent))
        )
        _retire(store, config)
    published = store.current()
    assert published is not None  # noqa: S101 - it was just committed
    return RunReport(published, worklist.ranked, False, tuple(judged), worklist.too_old, config.policy, sent)


def _retire(store: ListStore, config: RunConfig) -> None:
    """Take away lists that are older than the setting allows."""
    if config.retention_days is not None:
        store.retire(config.now - timedelta(days=config.retention_days))


def _as_before(store: ListStore, former: Published, config: RunConfig) -> RunReport:
    """Report a run that is done already as it ended then; nothing is added, and no alert is sent again."""
    run_id = former.run.run_id
    ranked = store.scores(run_id)
    stored = verdicts.from_table(store.verdicts(), run_id)
    return RunReport(former, ranked, True, tuple(stored), ranked["p_recover_30d"].null_count, config.policy)


def _details(engine: Engine, request: ScoringRequest, worklist: Worklist) -> details.Details:
    """Return what is kept with the list: what its readers need, and all that a replay needs."""
    return {**details.details_of(engine, request.as_of), **replay.details(request.policy, worklist.recent)}


def _undelivered(sent: tuple[alerts.Delivery, ...]) -> str:
    return "; ".join(f"alert to {one.target} was not delivered: {one.failure}" for one in sent if not one.delivered)


def _require_sound(audited: audit.Audit) -> None:
    grave = [f for f in audited.refusals if f.code.startswith(UNSAFE_TO_SCORE)]
    require_safe(replace(audited, findings=tuple(grave)))


def watch(engine: Engine, config: RunConfig, worklist: Worklist, bundle: Bundle) -> list[Verdict]:
    """Judge a run by itself, against the one before, and the past lists whose outcome is known by now."""
    store = open_store(config.published or engine)
    past = [p for p in store.runs() if p.run.run_id != worklist.run.run_id]
    earlier = [p.run.summary for p in past if p.run.model_id == worklist.run.model_id]
    before = drift.baseline(earlier, worklist.run.as_of)
    figures = drift.figures(worklist.run.summary, before, bundle.model.spreads)
    figures += outcomes.cohort(worklist.ranked, None)
    figures += [n for p in _matured(engine, past) for n in _came_true(engine, store, p)]
    return verdicts.verdicts_of(figures, limits_of(config.policy))


def _matured(engine: Engine, past: list[Published]) -> list[Published]:
    """Return the newest past lists with a known outcome, one a week."""
    until = layers.observed_until(engine)
    known = {
        p.run.as_of: p for p in past if until is not None and outcomes.matured(p.run.as_of, p.run.horizon_days, until)
    }
    return [known[at] for at in outcomes.first_of_each_week(sorted(known))[-MATURED_WEEKS:]]


def _came_true(engine: Engine, store: ListStore, past: Published) -> Iterator[drift.Figure]:
    try:
        listed = store.scores(past.run.run_id)
    except DataRefused as error:  # an old list that is damaged stops no new one
        yield drift.Figure("damaged", str(error).splitlines()[0], 1.0)
        return
    known = layers.outcomes(engine, past.run.as_of, past.run.horizon_days)
    yield from outcomes.cohort(listed, known)
    yield from outcomes.money(listed, known)


def _step(engine: Engine, config: RunConfig, step: str, run_id: str) -> None:
    ledger.add(engine, ledger.Entry(config.now, str(config.holder), f"step.{step}", run_id, "done"))


@contextmanager
def _recorded(engine: Engine, config: RunConfig, step: str, run_id: str = "") -> Iterator[None]:
    """Write a failure down and tell it; neither may hide it."""
    with _alarmed(config, step):
        try:
            yield
        except Exception as error:
            text = alerts.redacted(str(error) or type(error).__name__, config.secrets)
            try:
                ledger.add(engine, ledger.Entry(config.now, str(config.holder), step, run_id, "failed", text))
            except PayrecError as second:
                error.add_note(f"and it could not be written down: {alerts.redacted(str(second), config.secrets)}")
            raise


@contextmanager
def _alarmed(config: RunConfig, step: str) -> Iterator[None]:
    """Tell a failure; that another run is under way is none."""
    try:
        yield
    except Locked:
        raise
    except Exception as error:
        if config.alert_to:
            alerts.send(alerts.of_failure(error, step), config.alert_to, config.secrets)
        raise
