"""Features + model → probabilities → the ranked list, with reasons for the orders listed first."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import cached_property
from html import escape
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from payrec.commands import night_level
from payrec.commands.build import reading, scoring_time
from payrec.commands.list_summary import expected_lines, summarise
from payrec.common.errors import ModelRefused, UsageError
from payrec.common.progress import Progress
from payrec.data import freshness, layers, list_findings, snapshots
from payrec.data.engines import Engine
from payrec.data.freshness import Feed
from payrec.model.evaluate.expected_sum import Overdispersion
from payrec.model.recipes.level import NightLevel
from payrec.model.store.bundle import Bundle
from payrec.publish import actions, promise_states, run_info
from payrec.publish.export import stamped
from payrec.publish.run_info import RunInfo
from payrec.publish.store import ListStore
from payrec.worklist import customer_list, later_facts, policy, rank
from payrec.worklist import score as scores
from payrec.worklist.assignment import Arms, Running
from payrec.worklist.policy import Policy

if TYPE_CHECKING:
    import pandas as pd

SHOWN = ("rank", "order_id", "customer_id", "outstanding", "currency", "age_days", "p_recover_30d", "reason_1")
SHOWN_ROWS = 10


@dataclass(frozen=True)
class ScoringRequest:
    """What decides a list: time, model, policy, inputs, level, experiment; its stamp: when it was scored, feeds.

    ``marks``: what people's actions mean for it; ``contacts``: those recorded after its time.
    """

    as_of: datetime
    bundle: Bundle
    policy: Policy
    policy_sha256: str
    run_id: str
    inputs_sha256: str
    scored_at: datetime
    feeds: tuple[Feed, ...] = ()
    level: NightLevel | None = None
    running: Running | None = None
    marks: pa.Table | None = None
    contacts: pa.Table | None = None


@dataclass(frozen=True, repr=False)
class Worklist:
    """A ranked list.

    Attributes
    ----------
    ranked
        One row per open order, in the columns of ``payrec.worklist.rank.SCHEMA``.
    customers
        The same orders by customer, in the columns of ``payrec.worklist.customer_list.SCHEMA``.
    run
        The run that decided it: id, times (UTC), model and policy.
    too_old
        Orders older than the model has seen; they have no probability.
    recent
        The contacts and attempts that the policy looked at; None if it looked at none.
    arms
        Who is contacted and who is held out while an experiment runs.
    marks
        What people's actions mean for the list; None without any.
    coverage
        By currency: past lists that have matured, and of how many the money lay inside the 95 % interval.
    """

    ranked: pa.Table
    customers: pa.Table
    run: RunInfo
    too_old: int
    recent: pa.Table | None = None
    arms: Arms | None = None
    marks: pa.Table | None = None
    coverage: Mapping[str, tuple[int, int]] = field(default_factory=dict)

    @cached_property
    def frame(self) -> pd.DataFrame:
        """The list as a pandas frame."""
        return self.ranked.to_pandas()

    @cached_property
    def expected(self) -> tuple[str, ...]:
        """What its ranked orders bring, in sentences, with intervals."""
        value = self.summary()["value"]
        sums = [f"{unit} {of['expected']:,.2f} expected" for unit, of in value.items()]
        lines = [line for unit, of in value.items() for line in expected_lines(unit, of, "these")]
        return *sums, *lines

    def summary(self) -> dict[str, Any]:
        """Return orders and money by currency: open, expected, and expected of the chosen customers or orders."""
        return summarise(self.ranked, self.customers, self.run, self.coverage)

    def __repr__(self) -> str:
        run = self.run
        return f"<Worklist {self.ranked.num_rows:,} orders, as of {run.as_of:%Y-%m-%d %H:%M} UTC, model {run.model_id}>"

    def _repr_html_(self) -> str:
        names = [name for name in SHOWN if name in self.ranked.column_names]
        rows = self.ranked.select(names).slice(0, SHOWN_ROWS).to_pylist()
        head = "".join(f"<th>{name}</th>" for name in names)
        cells = ("".join(f"<td>{escape(_cell(value))}</td>" for value in row.values()) for row in rows)
        body = "".join(f"<tr>{row}</tr>" for row in cells)
        return f"<table><caption>{escape(repr(self)[1:-1])}</caption><tr>{head}</tr>{body}</table>"


def _cell(value: object) -> str:
    return "" if value is None else f"{value:.3f}" if isinstance(value, float) else str(value)


@contextmanager
def scoring_request(
    engine: Engine,
    bundle: Bundle,
    rules: Policy,
    as_of: datetime | None,
    now: datetime | None,
    progress: Progress,
    store: ListStore | None = None,
    *,
    payments_until: datetime | None = None,
    wait_s: float = 0.0,
    shared: bool = False,
) -> Iterator[ScoringRequest]:
    """Give what decides the list at ``as_of`` (None: the end of the observed data), and the layers to score from.

    ``store`` holds the actions of people that count. ``as_of`` is at most ``payments_until``. The layers stay as they
    are until the end; ``wait_s`` and ``shared`` as :func:`payrec.data.reading.reading`.

    Raises
    ------
    UsageError
        ``as_of`` is more than a day after ``now``.
    DataRefused
        There are no orders, an invoice dated ahead moves the end of the data, or payments are too old to know who has
        paid by ``as_of``.
    """
    if as_of is not None and now is not None and as_of > now + timedelta(days=1):
        msg = f"found --as-of {as_of:%Y-%m-%d %H:%M}, expected a time up to now ({now:%Y-%m-%d %H:%M} UTC)"
        raise UsageError(f"{msg}\nif that is not the present time, set the clock of this machine right")

    def layers_at(*times: datetime) -> AbstractContextManager[None]:
        wanted = replace(night_level.parameters(bundle.model, None), as_of=times or None)
        return reading(engine, wanted, progress, wait_s=wait_s, shared=shared)

    worked_at = None  # the list is as of an earlier time than it is worked
    if payments_until is not None:
        if as_of is None:
            with layers_at():
                as_of = scoring_time(engine, None)
        as_of, worked_at = min(as_of, payments_until), as_of
    with layers_at(*sorted({at for at in (as_of, worked_at) if at is not None})):
        if now is not None:
            list_findings.require_nothing_ahead(engine, now)
        at, feeds = scoring_time(engine, as_of), freshness.feeds(engine)
        freshness.require_fresh_payments(feeds, at, payments_until)
        list_findings.require_unpaid_list(engine, at)
        chosen = _in_reporting_currency(engine, rules)
        marks, contacts = _known_later(engine, store, at, chosen, worked_at or at)
        inputs, rules_sha256 = _inputs(engine, marks), policy.fingerprint(chosen)
        run_id = run_info.identity(at, bundle.model_id, rules_sha256, inputs)
        level = night_level.measure(engine, bundle.model, at)
        yield ScoringRequest(
            at, bundle, chosen, rules_sha256, run_id, inputs, now or at, feeds, level, marks=marks, contacts=contacts
        )


def _in_reporting_currency(engine: Engine, rules: Policy) -> Policy:
    """Return the policy, reporting in the currency that the loaded rates convert to unless it names its own."""
    loaded = engine.read("SELECT currency FROM reporting_currency")["currency"].to_pylist()
    if rules.reporting_currency is None and loaded:
        return replace(rules, reporting_currency=str(loaded[0]))
    return rules


def _known_later(
    engine: Engine, store: ListStore | None, at: datetime, rules: Policy, worked_at: datetime
) -> tuple[pa.Table | None, pa.Table | None]:
    """Return what later facts, actions and ``do_not_contact`` mean for the list, and later contacts; None without any.

    A list that is worked at a later time than it is as of (``worked_at``) knows the facts in between.
    """
    in_force = actions.in_force(actions.read(store)) if store is not None else ()
    judged = promise_states.promises(engine, in_force, at, rules.promise_grace_days)
    marks = [promise_states.of_customers(engine), promise_states.marks_of(in_force, judged, at)]
    contacts = promise_states.contacts(in_force, at)
    if at < worked_at:
        marks = [later_facts.marks(engine, at, worked_at), *marks]
        contacts = pa.concat_tables([later_facts.contacts(engine, at, worked_at).cast(contacts.schema), contacts])
    table = pa.concat_tables(marks)
    return table if table.num_rows else None, contacts if contacts.num_rows else None


def _inputs(engine: Engine, marks: pa.Table | None) -> str:
    """Return the hash of all that the list is made of besides model and policy."""
    built_from = layers.built_from(engine)
    if marks is None:
        return built_from
    return hashlib.sha256(f"{built_from}{marks.to_pylist()}".encode()).hexdigest()


def score_layers(engine: Engine, request: ScoringRequest, progress: Progress) -> Worklist:
    """Score, suppress and rank the open orders at ``request.as_of``; the layers must have been built for it.

    Raises
    ------
    ModelRefused
        The model's horizon is not the one that the layers were built for.
    DataRefused
        The rows cannot be ranked without guessing.
    """
    built_for = engine.read("SELECT days FROM horizon")["days"][0].as_py()
    if built_for != request.bundle.model.horizon_days:
        msg = (
            f"found features built for {built_for} days, but the champion answers for "
            f"{request.bundle.model.horizon_days} days\nbuild for it with --horizon, or train another"
        )
        raise ModelRefused(msg)
    recent = scores.recent(engine, request.as_of, request.policy)
    if recent is not None and request.contacts is not None:
        recent = pa.concat_tables([recent, request.contacts.cast(recent.schema)])
    until = layers.observed_until(engine)
    select = snapshots.scoring_select(request.as_of)
    return score_rows(lambda step: engine.read_batches(select, step), request, until, recent, progress)


def score_rows(
    rows: scores.Through, request: ScoringRequest, until: datetime | None, recent: pa.Table | None, progress: Progress
) -> Worklist:
    """Score, suppress and rank rows of the feature view, from a database or a file; ``rows`` is called twice."""
    model = request.bundle.model
    if request.level is not None:
        model = replace(model, shift=request.level.state.shift)
    progress("scoring the open orders")
    scored = scores.score(rows, model)
    progress(f"ranking {scored.rows.num_rows:,} open orders")
    ranked, by_customer, arms = rank.assigned_lists(
        scored.rows, request.policy, recent, request.running, request.marks, model.effect
    )
    ranked = scores.explained(ranked, by_customer, rows, model)
    run = RunInfo(
        run_id=request.run_id,
        as_of=request.as_of,
        scored_at=request.scored_at,
        model_id=request.bundle.model_id,
        policy_sha256=request.policy_sha256,
        inputs_sha256=request.inputs_sha256,
        horizon_days=model.horizon_days,
        reporting_currency=request.policy.reporting_currency,
        summary=replace(
            run_info.summarised(ranked, request.as_of, until, scored.measured, request.feeds),
            unit=request.policy.listed_by,
            level=request.level,
            spread=_spread(request.bundle),
            by_rule=model.recipe == "rule",
            by_extra=model.effect is not None and request.policy.value.rank_by != "expected",
        ),
    )
    by_customer = stamped(customer_list.with_reasons(by_customer, ranked, request.marks), run.stamp)
    return Worklist(ranked, by_customer, run, scored.too_old, recent, arms, request.marks)


def _spread(bundle: Bundle) -> Overdispersion:
    """Return the overdispersion that the test of the model showed; the prior where it has no card."""
    tested = (bundle.card or {}).get("backtest") or {}
    return Overdispersion(**tested.get("overdispersion", {}))
