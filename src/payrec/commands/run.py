"""payrec run: build, check, score, decide, publish, monitor. Once, whole, and the same run again changes nothing."""

from __future__ import annotations

import os
import socket
from contextlib import ExitStack
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path

from payrec.commands import serving
from payrec.commands.assigning import run_identity, store_arms, with_experiment
from payrec.commands.check import require_safe
from payrec.commands.forecast import store_forecast
from payrec.commands.list_details import details_of
from payrec.commands.policies import policy_of
from payrec.commands.run_record import RunConfig, alarmed, record_run, record_step, recorded
from payrec.commands.run_report import RunReport
from payrec.commands.scoring import ScoringRequest, Worklist, score_layers, scoring_request
from payrec.commands.watch import damaged, repaired, restored_verdicts, watch
from payrec.common.errors import DataRefused, Locked, UsageError
from payrec.common.progress import Progress, silent
from payrec.data import audit, layers
from payrec.data.engines import Engine, connect, keeps_lists
from payrec.monitor import alerts, silence, verdicts
from payrec.monitor.limits import limits_of
from payrec.monitor.verdicts import Verdict
from payrec.publish import action_events, ledger, lists, lock
from payrec.publish.folder_repair import Damage
from payrec.publish.run_info import Published, RunInfo
from payrec.publish.store import ListStore, list_by_customer, open_store
from payrec.worklist.policy import Policy

LAYERS_WAIT_S = 600.0  # a run waits this long for commands that read or rebuild the layers
STARTS = 3  # of a run whose layers another build replaced
CLOCK_BACK, CLOCK_AHEAD = timedelta(days=1), timedelta(days=400)  # of the clock against the last run
UNSAFE_TO_SCORE = ("promise.", "future_facts")  # findings that make a list as wrong as a model


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
    trust_clock: bool = False,
    serve: bool = False,
    payments_until: datetime | None = None,
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
        Folder of the published lists; PostgreSQL has tables.
    wait_s, lock_folder
        How long to wait for another run to end, and the folder in which runs of this database lock each other out.
    alert_to, secrets
        Webhook or apprise addresses of alarms and failures, and texts that no alert and no record may hold.
    retention_days
        Published lists older than this are removed; None: as many are kept as fit.
    trust_clock, serve
        Accept a clock that differs much from the time of the last run; serve this list even if a later one is served.
    payments_until
        Time until which all payments are known (UTC, without zone): the list is as of then at the latest.

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
        trust_clock=trust_clock,
        serve=serve,
        payments_until=payments_until,
    )
    return execute(config, progress)


def execute(config: RunConfig, progress: Progress) -> RunReport:
    """Run everything once, under the lock; a failure is recorded, alerted, and raised as by :func:`run`."""
    # the lock comes before the database: a second run must report who holds it, not that a file is in use
    with ExitStack() as stack:
        with alarmed(config, "start"):
            held = lock.held(config.database_url, config.lock_folder, config.holder, config.wait_s)
            still_held = stack.enter_context(held)
            engine = stack.enter_context(connect(config.database_url))
        return _held(engine, config, still_held, progress)


def _held(engine: Engine, config: RunConfig, still_held: lock.StillHeld, progress: Progress) -> RunReport:
    damages: list[Damage] = []
    for _ in range(STARTS):
        with ExitStack() as stack:
            with recorded(engine, config, "build"):
                _require_plausible_clock(engine, config)
                damages += repaired(store := open_store(config.published or engine))
                codes, had = serving.codes_of(config.policy), partial(_has_had_model, store)
                bundle = serving.of_database(engine, config.models, codes, progress, has_had_model=had)
                action_events.record(engine, store)
                wanted = scoring_request(
                    engine, bundle, config.policy, config.as_of, config.now, progress, store,
                    payments_until=config.payments_until, wait_s=max(config.wait_s, LAYERS_WAIT_S), shared=True,
                )  # fmt: skip
                request = stack.enter_context(wanted)
            try:
                return _published(engine, config, request, still_held, damages, progress)
            except LayersReplaced:
                progress("the layers were replaced meanwhile: starting over")
    msg = f"the layers were replaced {STARTS} times while this run read them"
    raise Locked(f"{msg}\nrun it again when no other command builds")


def _has_had_model(store: ListStore) -> bool:
    """Whether a list of the store was ranked by a model; one that is damaged may have been."""
    try:
        return any(not one.run.summary.by_rule for one in store.runs())
    except DataRefused:
        return True


class LayersReplaced(Locked):
    """Another build replaced the layers that this run scored; nothing was published."""


def _require_plausible_clock(engine: Engine, config: RunConfig) -> None:
    """Refuse a clock that jumped, before anything is published or deleted by its time."""
    last = max((entry.happened_at for entry in ledger.entries(engine, "what = 'run'")), default=None)
    if config.trust_clock or last is None or last - CLOCK_BACK <= config.now <= last + CLOCK_AHEAD:
        return
    msg = f"found the clock at {config.now:%Y-%m-%d %H:%M} UTC, but the last run was at {last:%Y-%m-%d %H:%M}"
    raise UsageError(f"{msg}\nset the clock of this machine right; if it is right, run once with --trust-clock")


def _published(
    engine: Engine, config: RunConfig, request: ScoringRequest, still_held: lock.StillHeld, damages: list[Damage],
    progress: Progress,
) -> RunReport:  # fmt: skip
    """Score, publish and monitor the layers of a request; or report that it was done already."""
    store, build_no = open_store(config.published or engine), layers.build_number(engine)
    runs = store.runs()
    lists.require_retained(request.as_of, runs, config.retention_days, config.now, config.serve)
    damages = [*damages, *restored_verdicts(engine, store, runs, damages)]
    request = _whole(store, runs, with_experiment(engine, request, runs, config.serve))
    former = lists.unchanged(request.run_id, runs, config.serve)
    if former is not None and not damages and ledger.ended(engine, request.run_id):
        return _as_before(store, former, config)
    begun = ledger.begin(engine, config.now, str(config.holder), request.run_id)

    def guard() -> None:
        ledger.require_newest(engine, begun)
        still_held()
        if layers.build_number(engine) != build_no:
            raise LayersReplaced
        if config.published is None:  # in the transaction that publishes
            store_arms(engine, request, worklist, config.now)

    with recorded(engine, config, "run", request.run_id):
        if "check" not in begun.done:
            _check(engine, config, request.run_id, progress)
        worklist = score_layers(engine, request, progress)
        if not config.serve:
            silence.require_facts(worklist.run, runs, config.as_of)
        progress("publishing")
        if config.published is not None:
            store_arms(engine, request, worklist, config.now)
        kept = details_of(engine, store, request, worklist)
        store.commit(lists.Publication(worklist.run, worklist.ranked, kept, config.serve, guard))
        runs = store.runs()
        store_forecast(store, request.bundle.model, worklist.run, worklist.ranked)
        record_step(engine, config, "publish", request.run_id)
        progress("monitoring")
        judged, sent = _monitored(engine, store, config, request, worklist, damages)
        _retire(store, config)
    published = next(one for one in runs if one.run.run_id == request.run_id)
    return RunReport(
        published, runs[0], worklist.ranked, worklist.customers, False, tuple(judged), worklist.too_old, config.policy,
        sent,
    )  # fmt: skip


def _monitored(
    engine: Engine,
    store: ListStore,
    config: RunConfig,
    request: ScoringRequest,
    worklist: Worklist,
    damages: list[Damage],
) -> tuple[list[Verdict], tuple[alerts.Delivery, ...]]:
    """Judge the new list and the past ones, store the verdicts, alert, and record that the run is done."""
    limits = limits_of(config.policy)
    watched = watch(engine, store, worklist, request.bundle, limits)
    judged = [*damaged(damages, limits), *watched, *_silence(config, worklist.run, store.runs())]
    store.add_verdicts(request.run_id, verdicts.to_table(judged, request.run_id, request.as_of))
    record_step(engine, config, "monitor", request.run_id)
    # alerted before it counts as done: a run that is killed in between alerts twice, rather than never
    sent = _alerted(judged, request.run_id, config)
    record_run(engine, config, request.run_id, _undelivered(sent))
    return judged, sent


def _whole(store: ListStore, runs: list[Published], request: ScoringRequest) -> ScoringRequest:
    """Return the request, under another id if rows of its list were erased: so the whole list is published."""
    erased = sum(store.erased(one) for one in runs if one.run.run_id == request.run_id)
    if not erased:
        return request
    return replace(request, run_id=run_identity(request, f":-{erased}"))


def _retire(store: ListStore, config: RunConfig) -> None:
    """Take away lists that are older than the setting allows."""
    if config.retention_days is not None:
        store.retire(config.now - timedelta(days=config.retention_days))


def _as_before(store: ListStore, former: Published, config: RunConfig) -> RunReport:
    """Report a run that is done already as it ended then; nothing is added, and only a silence is alerted again."""
    run_id, runs = former.run.run_id, store.runs()
    ranked, customers = store.scores(run_id), list_by_customer(store, run_id)
    _retire(store, config)
    silent = _silence(config, former.run, runs)
    stored = [one for one in verdicts.from_table(store.verdicts(), run_id) if one.figure.metric != silence.METRIC]
    too_old, sent = ranked["p_recover_30d"].null_count, _alerted(silent, run_id, config)
    return RunReport(former, runs[0], ranked, customers, True, (*silent, *stored), too_old, config.policy, sent)


def _silence(config: RunConfig, of: RunInfo, runs: list[Published]) -> list[Verdict]:
    """Judge the newest fact against the clock; the list of a time that was named is not held against today."""
    silent = None if config.as_of else silence.verdict(of.summary, runs, config.now, limits_of(config.policy))
    return [silent] if silent else []


def _alerted(judged: list[Verdict], run_id: str, config: RunConfig) -> tuple[alerts.Delivery, ...]:
    alert = alerts.of_verdicts(judged, run_id)
    return tuple(alerts.send(alert, config.alert_to, config.secrets)) if alert and config.alert_to else ()


def _undelivered(sent: tuple[alerts.Delivery, ...]) -> str:
    return "; ".join(f"alert to {one.target} was not delivered: {one.failure}" for one in sent if not one.delivered)


def _check(engine: Engine, config: RunConfig, run_id: str, progress: Progress) -> None:
    progress("checking")
    audited = audit.run(engine, config.now)
    grave = [f for f in audited.refusals if f.code.startswith(UNSAFE_TO_SCORE)]
    require_safe(replace(audited, findings=tuple(grave)))
    record_step(engine, config, "check", run_id)
