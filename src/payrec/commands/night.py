"""One run: build, check, score, decide, publish, monitor. Once, whole, and the same again changes nothing."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path

import pyarrow as pa

from payrec.commands.deciding import Decided, Question, score
from payrec.commands.layers import Progress, ensure_built, require_safe
from payrec.common.errors import DataRefused, Locked, PayrecError, UsageError
from payrec.data import audit, layers
from payrec.data.engines import Engine, connect
from payrec.model.store import versions
from payrec.model.store.bundle import Bundle
from payrec.monitor import alerts, drift, outcomes, verdicts
from payrec.monitor.limits import limits_of
from payrec.monitor.verdicts import Level, Verdict
from payrec.publish import details, ledger, lock, replay, run_info
from payrec.publish.run_info import Published
from payrec.publish.store import ListStore, open_store
from payrec.worklist import policy
from payrec.worklist.policy import Policy

MATURED_WEEKS = 8  # of past lists whose outcome is looked at again in each run
UNSAFE_TO_SCORE = ("promise.", "future_facts")  # findings that make a list as wrong as a model


@dataclass(frozen=True)
class Night:
    """Everything a run needs to be told.

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


@dataclass(frozen=True)
class Report:
    """What a run did: the published list, whether it was there already, and what monitoring found."""

    published: Published
    ranked: pa.Table
    already_done: bool
    verdicts: tuple[Verdict, ...]
    too_old: int
    deliveries: tuple[alerts.Delivery, ...] = ()

    @property
    def level(self) -> Level:
        """The most severe verdict."""
        return verdicts.worst(self.verdicts)


def night(how: Night, progress: Progress) -> Report:
    """Run everything once, under the lock; what goes wrong is written down, told, and raised.

    Raises
    ------
    Locked
        Another run is under way.
    ModelRefused, DataRefused, DatabaseUnreachable
        A step could not do its work; the former list is still served.
    """
    # the lock comes before the database: a second run must be told who holds it, not that a file is in use
    with ExitStack() as stack:
        with _alarmed(how, "start"):
            stack.enter_context(lock.held(how.database_url, how.lock_folder, how.holder, how.wait_s))
            engine = stack.enter_context(connect(how.database_url))
        return _held(engine, how, progress)


def _held(engine: Engine, how: Night, progress: Progress) -> Report:
    store = open_store(how.published or engine)
    with _told(engine, how, "build"):
        bundle = versions.champion(how.models)
        asked = question(engine, bundle, how.policy, how.as_of, how.now, progress)
    damages = store.repair()
    former = store.current()
    if not damages and former is not None and former.run.run_id == asked.run_id and ledger.ended(engine, asked.run_id):
        _retire(store, how)
        return _as_before(store, former)
    done = ledger.begin(engine, how.now, str(how.holder), asked.run_id)
    with _told(engine, how, "run", asked.run_id):
        if "check" not in done:
            progress("checking")
            _require_sound(audit.run(engine, how.now))
            _step(engine, how, "check", asked.run_id)
        decided = score(engine, asked, progress)
        progress("publishing")
        store.commit(decided.run, decided.ranked, details=_beside(engine, asked, decided))
        _step(engine, how, "publish", asked.run_id)
        progress("monitoring")
        damaged = [drift.Figure("damaged", str(one), 1.0) for one in damages]
        judged = verdicts.verdicts_of(damaged, limits_of(how.policy)) + watch(engine, how, decided, bundle)
        store.add_verdicts(asked.run_id, verdicts.to_table(judged, asked.run_id, asked.as_of))
        _step(engine, how, "monitor", asked.run_id)
        # told before it counts as done: a run that is killed in between tells it again, rather than never
        alert = alerts.of_verdicts(judged, asked.run_id)
        sent = tuple(alerts.send(alert, how.alert_to, how.secrets)) if alert and how.alert_to else ()
        ledger.add(engine, ledger.Entry(how.now, str(how.holder), "run", asked.run_id, "done", _undelivered(sent)))
        _retire(store, how)
    published = store.current()
    assert published is not None  # noqa: S101 - it was just committed
    return Report(published, decided.ranked, False, tuple(judged), decided.too_old, sent)


def _retire(store: ListStore, how: Night) -> None:
    """Take away lists that are older than the setting allows."""
    if how.retention_days is not None:
        store.retire(how.now - timedelta(days=how.retention_days))


def _as_before(store: ListStore, former: Published) -> Report:
    """Report a run that is done already as it ended then; nothing is added, and nobody is told again."""
    run_id = former.run.run_id
    ranked = store.scores(run_id)
    stored = verdicts.from_table(store.verdicts(), run_id)
    return Report(former, ranked, True, tuple(stored), ranked["p_recover_30d"].null_count)


def _beside(engine: Engine, asked: Question, decided: Decided) -> details.Details:
    """Return what is kept with the list: what its readers need, and all that a replay needs."""
    return {**details.details_of(engine, asked.as_of), **replay.details(asked.policy, decided.recent)}


def _undelivered(sent: tuple[alerts.Delivery, ...]) -> str:
    return "; ".join(f"alert to {one.target} was not delivered: {one.failure}" for one in sent if not one.delivered)


def question(
    engine: Engine, bundle: Bundle, rules: Policy, as_of: datetime | None, now: datetime, progress: Progress
) -> Question:
    """Build for scoring at ``as_of`` (None: the end of the observed data), and say what will be asked of the layers."""
    if as_of is not None and as_of > now + timedelta(days=1):
        msg = f"found --as-of {as_of:%Y-%m-%d %H:%M}, expected a time up to now ({now:%Y-%m-%d %H:%M} UTC)"
        raise UsageError(f"{msg}\nif that is not what time it is, set the clock of this machine right")
    layers.prepare(engine)
    wanted = layers.Parameters((as_of,) if as_of else None, (), bundle.model.horizon_days)
    ensure_built(engine, wanted, progress)
    times = layers.scoring_times(engine)
    if not times:
        msg = "found no orders, expected some to score\nload them: payrec load transactions FILE"
        raise DataRefused(msg)
    chosen, at = _in_reporting_currency(engine, rules), as_of or times[-1]
    inputs, rules_sha256 = layers.built_from(engine), policy.fingerprint(chosen)
    run_id = run_info.identity(at, bundle.model_id, rules_sha256, inputs)
    return Question(at, bundle, chosen, rules_sha256, run_id, inputs, now)


def _in_reporting_currency(engine: Engine, asked: Policy) -> Policy:
    """Return the policy, reporting in the currency that the loaded rates convert to unless it names its own."""
    loaded = engine.read("SELECT currency FROM reporting_currency")["currency"].to_pylist()
    if asked.reporting_currency is None and loaded:
        return replace(asked, reporting_currency=str(loaded[0]))
    return asked


def _require_sound(found: audit.Audit) -> None:
    grave = [f for f in found.refusals if f.code.startswith(UNSAFE_TO_SCORE)]
    require_safe(replace(found, findings=tuple(grave)))


def watch(engine: Engine, how: Night, decided: Decided, bundle: Bundle) -> list[Verdict]:
    """Judge a run by itself, against the one before, and the past lists whose outcome is known by now."""
    store = open_store(how.published or engine)
    past = [p for p in store.runs() if p.run.run_id != decided.run.run_id]
    earlier = [p.run.summary for p in past if p.run.model_id == decided.run.model_id]
    before = drift.baseline(earlier, decided.run.as_of)
    figures = drift.figures(decided.run.summary, before, bundle.model.spreads)
    figures += outcomes.cohort(decided.ranked, None)
    figures += [n for p in _matured(engine, past) for n in _came_true(engine, store, p)]
    return verdicts.verdicts_of(figures, limits_of(how.policy))


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


def _step(engine: Engine, how: Night, step: str, run_id: str) -> None:
    ledger.add(engine, ledger.Entry(how.now, str(how.holder), f"step.{step}", run_id, "done"))


@contextmanager
def _told(engine: Engine, how: Night, step: str, run_id: str = "") -> Iterator[None]:
    """Write a failure down and tell it; neither may hide it."""
    with _alarmed(how, step):
        try:
            yield
        except Exception as error:
            text = alerts.redacted(str(error) or type(error).__name__, how.secrets)
            try:
                ledger.add(engine, ledger.Entry(how.now, str(how.holder), step, run_id, "failed", text))
            except PayrecError as second:
                error.add_note(f"and it could not be written down: {alerts.redacted(str(second), how.secrets)}")
            raise


@contextmanager
def _alarmed(how: Night, step: str) -> Iterator[None]:
    """Tell a failure; that another run is under way is none."""
    try:
        yield
    except Locked:
        raise
    except Exception as error:
        if how.alert_to:
            alerts.send(alerts.of_failure(error, step), how.alert_to, how.secrets)
        raise
