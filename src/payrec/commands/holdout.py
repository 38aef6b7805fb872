"""payrec holdout: an experiment that shows what the list brings: planned, started, looked at, stopped."""

from __future__ import annotations

import os
import re
import socket
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path

import numpy as np
import pyarrow as pa

from payrec.commands import HORIZON_DAYS, SEED
from payrec.commands.build import scoring_time
from payrec.commands.models import champion
from payrec.commands.policies import policy_of
from payrec.commands.scoring import ScoringRequest, score_layers
from payrec.common.arrow import Floats, floats, make, minor, pc, text
from payrec.common.errors import CannotTell, UsageError
from payrec.common.progress import Progress, silent
from payrec.data import freshness, layers, snapshots
from payrec.data.engines import Engine
from payrec.data.parameters import Parameters
from payrec.data.reading import reading
from payrec.model.store.bundle import Bundle
from payrec.monitor import experiment_status, extra_money
from payrec.monitor.experiment_status import ExperimentStatus, sentences
from payrec.monitor.extra_money import Forecast
from payrec.publish import experiments, ledger
from payrec.publish.experiments import Registered
from payrec.worklist import policy as rules_of
from payrec.worklist.assignment import Experiment
from payrec.worklist.policy import Policy

__all__ = ["Plan", "plan", "sentences", "start", "status", "stop"]

SHARE, EXPLORE_SHARE, PLANNED_CUSTOMERS = 0.2, 0.2, 5_000
SHARES = (0.5, 0.2, 0.1, 0.05)
PAST_LISTS = 5  # a week apart, whose outcome is known
LEAST_CUSTOMERS = 100  # of the past lists
EFFECT_POINTS = 5.0
PLACEBO_SEED = 1
CHECK, LEAST_COVERAGE, CHECK_DAYS = "holdout.plan", 0.9, 30  # three standard errors of 200 assignments below 0.95
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}")


@dataclass(frozen=True)
class Plan:
    """What past lists say about an experiment on the next ones.

    Attributes
    ----------
    effect_points
        What a contact is taken to add to the recovery of an order.
    customers, customers_per_week
        Customers within the capacity of the past lists, and how many came newly into it in a week.
    forecasts
        By share held out: customers and weeks until the effect is probably known, and recovered orders given up.
    money_per_order
        Mean amount of an order by currency, to read orders given up as money.
    residual_variance
        Variance of the money around what the model expected, as a share of that of the money itself.
    largest_share
        Share of that variance of the three largest customers.
    placebo_coverage
        A/A check: how often a plain 95 % interval covers 0 when past customers get arms at random; about 0.95.
    """

    effect_points: float
    customers: int
    customers_per_week: float
    forecasts: tuple[Forecast, ...]
    money_per_order: Mapping[str, float]
    residual_variance: float
    largest_share: float
    placebo_coverage: float


def plan(
    engine: Engine,
    models: Path | str | Bundle = "models",
    policy: Policy | Path | str | None = None,
    capacity: int | None = None,
    effect_points: float = EFFECT_POINTS,
    as_of: datetime | None = None,
    now: datetime | None = None,
    progress: Progress = silent,
) -> Plan:
    """Say how long an experiment would take, from five past lists whose outcome is known.

    Its A/A check is what :func:`start` requires; it is recorded if the present is given as ``now``.

    Parameters
    ----------
    effect_points
        What a contact is taken to add to the recovery of an order, in points.
    as_of
        End of the data to look at (UTC, without zone); None: the end of the observed data.

    Raises
    ------
    CannotTell
        The past lists have fewer than 100 customers.
    UsageError
        ``effect_points`` is not above 0 and at most 100.
    """
    if not 0 < effect_points <= 100:
        raise UsageError(f"effect_points is {effect_points:g}: expected more than 0, at most 100")
    bundle, rules = champion(models), policy_of(policy, capacity)
    days = bundle.model.horizon_days
    with reading(engine, Parameters(None, (), days), progress):
        end = min(scoring_time(engine, as_of), freshness.payments_known_until(engine) or datetime.max)
    times = tuple(end - timedelta(days=days + 7 * week) for week in reversed(range(PAST_LISTS)))
    with reading(engine, Parameters(times, (), days), progress):
        lists = list(_past_lists(engine, bundle, rules, times, progress))
    planned = _planned(lists, effect_points, days / 7)
    if now is not None:
        coverage = f"{planned.placebo_coverage:.3f}"
        ledger.add(engine, ledger.Entry(now, _who(), CHECK, "past lists", "done", coverage))
    return planned


def _past_lists(
    engine: Engine, bundle: Bundle, rules: Policy, times: tuple[datetime, ...], progress: Progress
) -> Iterator[pa.Table]:
    """Yield the orders of customers that came newly into the capacity of each list, with their outcome."""
    seen: set[str] = set()
    for at in times:
        request = ScoringRequest(at, bundle, rules, rules_of.fingerprint(rules), "plan", "", at)
        listed = score_layers(engine, request, progress)
        flagged = listed.customers.filter(pc.equal(listed.customers["priority_flag"], 1))["customer_id"]
        new = sorted(set(map(str, flagged.to_pylist())) - seen)
        seen.update(new)
        orders = listed.ranked.filter(pc.is_valid(listed.ranked["rank"]))
        orders = orders.filter(pc.is_in(orders["customer_id"], value_set=make.array(new, pa.string())))
        outcome = snapshots.outcomes(engine, at, bundle.model.horizon_days)
        label = outcome["label_recovered_30d"].take(
            pc.index_in(orders["order_id"].combine_chunks(), value_set=outcome["order_id"].combine_chunks())
        )
        yield orders.append_column("label", label).filter(pc.is_valid(label))


def _planned(lists: list[pa.Table], effect_points: float, maturity_weeks: float) -> Plan:
    orders = pa.concat_tables(lists)
    customer = orders["customer_id"].combine_chunks().dictionary_encode()
    of, n = customer.indices.to_numpy().astype(np.int64), len(customer.dictionary)
    if n < LEAST_CUSTOMERS:
        msg = f"cannot tell how long it takes: past lists had {n} customers, {LEAST_CUSTOMERS} are needed"
        raise CannotTell(f"{msg}\nload older data, or raise --capacity")
    new = [len(set(one["customer_id"].to_pylist())) for one in lists[1:]]
    per_week = max(float(np.mean(new)), 1.0)
    label, p = floats(orders, "label"), floats(orders, "p_recover_30d")
    points: Floats = np.bincount(of, label - p).astype(np.float64)
    effect = effect_points / 100 * of.size / n
    main = pc.value_counts(orders["ev_currency"]).to_pylist()
    unit = max(main, key=lambda one: one["counts"])["values"]
    value = minor(orders, "outstanding_value") * pc.equal(text(orders, "ev_currency"), unit).to_numpy(
        zero_copy_only=False
    )
    money: Floats = np.bincount(of, value * (label - p)).astype(np.float64)
    squares = np.sort((money - money.mean()) ** 2)
    means = orders.group_by("ev_currency").aggregate([("outstanding_value", "mean")])
    return Plan(
        effect_points=effect_points,
        customers=n,
        customers_per_week=per_week,
        forecasts=tuple(extra_money.forecast(points, effect, share, per_week, maturity_weeks) for share in SHARES),
        money_per_order={
            row["ev_currency"]: float(row["outstanding_value_mean"]) for row in means.sort_by("ev_currency").to_pylist()
        },
        residual_variance=float(np.var(money) / max(float(np.var(np.bincount(of, value * label))), 1e-9)),
        largest_share=float(squares[-extra_money.LARGEST :].sum() / max(float(squares.sum()), 1e-9)),
        placebo_coverage=extra_money.placebo_coverage(money, SHARE, PLACEBO_SEED),
    )


def start(
    engine: Engine,
    now: datetime,
    share: float = SHARE,
    explore_share: float = EXPLORE_SHARE,
    max_amount: Mapping[str, Decimal] | None = None,
    planned_customers: int = PLANNED_CUSTOMERS,
    horizon_days: int = HORIZON_DAYS,
    name: str | None = None,
    seed: int = SEED,
    without_check: bool = False,
) -> Registered:
    """Start an experiment: the lists that are published from now on hold out customers at random.

    It needs the A/A check of a :func:`plan` of the last 30 days, in which at least 90 % of the intervals cover 0.

    Parameters
    ----------
    share
        Share held out of the customers whose turn has come, above 0 and at most 0.5.
    explore_share
        Share of the contacts for customers from lower ranks, 0 to 0.5.
    max_amount
        By currency: customers that owe more are never held out.
    planned_customers
        Number of customers at which the comparison is planned to end, from :func:`plan`.
    name, seed
        Both decide the arms; the name is the time of the start if None.
    without_check
        Start without an A/A check, where past lists are too few for one.

    Raises
    ------
    UsageError
        Another experiment runs, a number is out of range, or no plan was made.
    CannotTell
        The A/A check failed.
    """
    for label, value, least, most in (
        ("share", share, 0.01, 0.5), ("explore_share", explore_share, 0, 0.5),
        ("planned_customers", planned_customers, 100, 10**9), ("horizon_days", horizon_days, 1, 365),
    ):  # fmt: skip
        if not least <= value <= most:
            raise UsageError(f"{label} is {value:g}: expected {least:g} to {most:g}")
    name = name or f"e{now:%Y%m%d%H%M%S}"
    if not _NAME.fullmatch(name):
        raise UsageError(f"found the name {name!r}, expected at most 64 letters, digits, _ . -")
    if not without_check:
        _require_check(engine, now)
    limits = dict(max_amount or {})
    experiment = Experiment(name, seed, share, explore_share, limits, horizon_days, planned_customers)
    experiments.start(engine, experiment, now, _who())
    return Registered(experiment, now, _who())


def _require_check(engine: Engine, now: datetime) -> None:
    since = now - timedelta(days=CHECK_DAYS)
    checks = [one for one in ledger.entries(engine, f"what = '{CHECK}'") if one.happened_at >= since]
    if not checks:
        msg = f"found no plan of the last {CHECK_DAYS} days, expected the A/A check of one on past lists"
        raise UsageError(f"{msg}\nmake it: payrec holdout plan; --without-check starts without")
    coverage = float(checks[-1].detail)
    if coverage < LEAST_COVERAGE:
        msg = f"the A/A check failed: without any effect an interval covers 0 in {coverage:.0%}, expected about 95%"
        raise CannotTell(f"{msg}\na few customers decide the money; --without-check starts all the same")


def stop(engine: Engine, now: datetime) -> Registered:
    """Stop the experiment that runs; nobody is held out from the next list on.

    Raises
    ------
    UsageError
        None runs.
    """
    return experiments.stop(engine, now, _who())


def status(engine: Engine, name: str | None = None) -> ExperimentStatus:
    """Say what the list brought beyond what would have come anyway, as the last build knows it.

    Parameters
    ----------
    name
        The experiment; None: the last that was started.

    Raises
    ------
    UsageError
        There is no such experiment, or nothing is built.
    """
    known = experiments.registered(engine)
    chosen = [one for one in known if name in (None, one.experiment.experiment_id)]
    if not chosen:
        names = ", ".join(one.experiment.experiment_id for one in known)
        msg = f"found no experiment {name}, expected one of: {names}" if known else "found no experiment, expected one"
        raise UsageError(f"{msg}\nstart one: payrec holdout start")
    if not {"stg_balances", "freshness"} <= engine.tables():
        raise UsageError("found no layers, expected those of a build\nbuild them: payrec build")
    one = chosen[-1]
    drawn, _ = experiments.assignments(engine, one.experiment.experiment_id)
    until = freshness.payments_known_until(engine) or layers.observed_until(engine)
    orders = experiments.outcomes(engine, one.experiment)
    return experiment_status.status(one.experiment, one.started_at, one.stopped_at, drawn, orders, until)


def _who() -> str:
    return f"{socket.gethostname()} pid {os.getpid()}"
