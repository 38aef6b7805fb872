"""The figures and verdicts of a run: its drift, and what became of past lists."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress

from payrec.commands.scoring import Worklist
from payrec.common.arrow import pc
from payrec.common.errors import DataRefused
from payrec.data import freshness, layers, snapshots
from payrec.data.engines import Engine
from payrec.model.store.bundle import Bundle
from payrec.monitor import drift, level_alarm, outcomes, verdicts
from payrec.monitor.limits import Limits
from payrec.monitor.verdicts import Verdict
from payrec.publish import actions, ledger, saved_views
from payrec.publish.folder_repair import Damage
from payrec.publish.run_info import Published
from payrec.publish.store import ListStore

MATURED_WEEKS = 8  # of past lists whose outcome is looked at again in each run


def watch(engine: Engine, store: ListStore, worklist: Worklist, bundle: Bundle, limits: Limits) -> list[Verdict]:
    """Return the verdicts on a run by itself, against the one before, and on past lists whose outcome is known."""
    past = [p for p in store.runs() if p.run.run_id != worklist.run.run_id]
    earlier = [p.run.summary for p in past if p.run.model_id == worklist.run.model_id]
    before = drift.baseline(earlier, worklist.run.as_of)
    figures = drift.figures(worklist.run.summary, before, bundle.model.spreads)
    figures += [*level_alarm.figures(bundle.model, worklist.run.summary.level)]
    figures += outcomes.cohort(worklist.ranked, None)
    figures += [n for p in _matured(engine, past) for n in _came_true(engine, store, p)]
    figures += _forecasts(engine, store, past)
    return verdicts.verdicts_of(figures, limits)


def _forecasts(engine: Engine, store: ListStore, past: list[Published]) -> list[drift.Figure]:
    """Return what came of past forecasts of a week, and the coverage of all that were ever judged."""
    figures: list[drift.Figure] = []
    stored = store.forecasts()
    for one in _matured(engine, past, outcomes.FORECAST_DAYS):
        of_run = stored.filter(pc.equal(stored["run_id"], one.run.run_id))
        if of_run.num_rows:
            with suppress(DataRefused):  # a damaged list is reported by its outcomes
                known = snapshots.outcomes(engine, one.run.as_of, outcomes.FORECAST_DAYS)
                figures += outcomes.forecast(store.scores(one.run.run_id), known, of_run)
    history = [
        drift.Figure(row["metric"], row["subject"], row["value"])
        for row in store.verdicts().to_pylist()
        if row["metric"] in (outcomes.OUTSIDE_80, outcomes.OUTSIDE_95)
    ]
    return [*figures, *outcomes.forecast_coverage([*history, *figures])]


def repaired(store: ListStore) -> list[Damage]:
    """Move damaged lists, actions and saved views out of the way, and return them."""
    return [*store.repair(), *actions.repair(store), *saved_views.repair(store)]


def damaged(damages: list[Damage], limits: Limits) -> list[Verdict]:
    """Return verdicts that name what was damaged in the store of the lists, and repaired or set aside."""
    return verdicts.verdicts_of([drift.Figure("damaged", str(one), 1.0) for one in damages], limits)


def restored_verdicts(engine: Engine, store: ListStore, runs: list[Published], damages: list[Damage]) -> list[Damage]:
    """Return finished runs whose verdicts are gone, and store that as their verdict: so it is reported once.

    Those in ``damages`` are left out of the result. The run that is repeated replaces it by its verdicts.
    """
    ended = {entry.subject for entry in ledger.entries(engine, "what = 'run' AND status = 'done'")}
    lost = [one.run for one in runs if one.run.run_id in ended.difference(store.verdicts()["run_id"].to_pylist())]
    missing = [Damage(f"monitor/{run.run_id}.parquet", "it is missing", None) for run in lost]
    for run, damage in zip(lost, missing, strict=True):
        store.add_verdicts(run.run_id, verdicts.to_table(damaged([damage], Limits()), run.run_id, run.as_of))
    return [damage for damage in missing if damage.path not in {one.path for one in damages}]


def _matured(engine: Engine, past: list[Published], days: int | None = None) -> list[Published]:
    """Return the newest past lists whose outcome within ``days`` (None: their horizon) is known, one a week."""
    until = freshness.payments_known_until(engine) or layers.observed_until(engine)
    known = {
        p.run.as_of: p
        for p in past
        if until is not None and outcomes.matured(p.run.as_of, days or p.run.horizon_days, until)
    }
    return [known[at] for at in outcomes.first_of_each_week(sorted(known))[-MATURED_WEEKS:]]


def _came_true(engine: Engine, store: ListStore, past: Published) -> Iterator[drift.Figure]:
    try:
        listed = store.scores(past.run.run_id)
    except DataRefused as error:  # an old list that is damaged stops no new one
        yield drift.Figure("damaged", str(error).splitlines()[0], 1.0)
        return
    known = snapshots.outcomes(engine, past.run.as_of, past.run.horizon_days)
    yield from outcomes.cohort(listed, known)
    customers = store.columns(past.run.run_id, ("customer_id", "ev_currency", "priority_flag"))
    by_customer = past.run.summary.unit == "customer" and customers.num_rows
    yield from outcomes.money(listed, known, past.run.summary.spread, customers if by_customer else None)
