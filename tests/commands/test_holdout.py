"""An experiment in the nightly run: arms are stored before a list is shown, kept for the epoch, replayed and erased."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import Any

import pyarrow as pa
import pytest

from payrec.commands import assigning, holdout
from payrec.commands.replay import replay
from payrec.common.errors import CannotTell, Locked, UsageError
from payrec.data import layers, snapshots
from payrec.data.engines import Engine
from payrec.publish import experiments, ledger
from payrec.publish.store import ListStore, list_by_customer, open_store
from payrec.worklist.policy import Policy
from tests.commands.conftest import DAY, FIRST_NIGHT, Site


def store_of(site: Site, engine: Engine) -> ListStore:
    return open_store(site.published or engine)


def arms(engine: Engine) -> dict[str, tuple[str, int]]:
    one = experiments.registered(engine)[-1].experiment.experiment_id
    drawn, _ = experiments.assignments(engine, one)
    return {row["customer_id"]: (row["arm"], row["epoch"]) for row in drawn.to_pylist()}


def test_three_nights_of_an_experiment(site: Site) -> None:
    """Start, two nights with kept arms and equal replays, an erasure, and a stop that frees everybody."""
    with site.open() as engine:
        holdout.start(engine, FIRST_NIGHT, share=0.3, name="e1", without_check=True)
        with pytest.raises(UsageError, match="running with 30% held out; it cannot change while it runs"):
            holdout.start(engine, FIRST_NIGHT, share=0.2, name="e2", without_check=True)
    few = Policy(capacity={"total": 20})
    first = site.night(policy=few)
    assert site.night(policy=few).already_done
    with site.open() as engine:
        drawn = arms(engine)
        _, orders = experiments.assignments(engine, "e1")
        run_id = first.published.run.run_id
        store = store_of(site, engine)
        listed = list_by_customer(store, run_id).to_pylist()
        assert replay(run_id, store, site.models, lambda _: None).equal
    held = {name for name, (arm, _) in drawn.items() if arm == "hold"}
    assert 3 < len(held) < len(drawn) < 120, drawn
    for row in listed:
        if row["customer_id"] in held:
            assert (row["suppressed_reason"], row["arm"], row["rank"]) == ("held_out", "hold", None)
            assert row["rank_if_free"] > 0
        elif row["priority_flag"]:
            assert row["arm"] == "contact"
            assert row["customer_id"] in drawn
    assert sum(row["priority_flag"] for row in listed) == 20
    assert set(orders["customer_id"].to_pylist()) == set(drawn), "each has what it owed then"
    assert orders["p_recover"].null_count == 0

    site.arrive(FIRST_NIGHT + DAY)
    second = site.night(FIRST_NIGHT + DAY, policy=few)
    with site.open() as engine:
        again = arms(engine)
        assert again.items() >= drawn.items()
        assert {epoch for _, epoch in again.values()} == {1}
        assert replay(second.published.run.run_id, store_of(site, engine), site.models, lambda _: None).equal
        experiments.erase(engine, next(iter(held)))
        assert next(iter(held)) not in arms(engine)
        holdout.stop(engine, FIRST_NIGHT + DAY)
        holdout.start(engine, FIRST_NIGHT + DAY, name="e3", without_check=True)
        holdout.stop(engine, FIRST_NIGHT + DAY)
        with pytest.raises(UsageError, match="no experiment that runs"):
            holdout.stop(engine, FIRST_NIGHT + DAY)
    site.arrive(FIRST_NIGHT + 2 * DAY)
    third = site.night(FIRST_NIGHT + 2 * DAY)
    assert "held_out" not in third.ranked["suppressed_reason"].to_pylist()


def test_stopped_and_started_in_one_night_the_second_experiment_decides_a_list_of_its_own(site: Site) -> None:
    few = Policy(capacity={"total": 20})
    with site.open() as engine:
        holdout.start(engine, FIRST_NIGHT, share=0.3, name="e1", without_check=True)
    first = site.night(policy=few)
    with site.open() as engine:
        before = arms(engine)
        holdout.stop(engine, FIRST_NIGHT)
        holdout.start(engine, FIRST_NIGHT, share=0.5, name="e2", without_check=True)
    second = site.night(policy=few)
    assert not second.already_done
    assert second.published.run.run_id != first.published.run.run_id
    with site.open() as engine:
        now = arms(engine)
        held = {name for name, (arm, _) in now.items() if arm == "hold"}
        listed = list_by_customer(store_of(site, engine), second.published.run.run_id).to_pylist()
        kept, _ = experiments.assignments(engine, "e1")
    assert {row["customer_id"] for row in listed if row["suppressed_reason"] == "held_out"} == held
    assert set(kept["customer_id"].to_pylist()) == set(before), "what the first one drew stays"


def test_killed_between_arms_and_list_no_list_is_shown_and_the_next_run_draws_the_same(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    with site.open() as engine:
        holdout.start(engine, FIRST_NIGHT, share=0.3, name="e1", without_check=True)

    def killed(*arguments: Any) -> None:
        store_arms(*arguments)
        raise KeyboardInterrupt

    store_arms = assigning.store_arms
    monkeypatch.setattr("payrec.commands.run.store_arms", killed)
    with pytest.raises(KeyboardInterrupt):
        site.night()
    with site.open() as engine:
        assert store_of(site, engine).runs() == []
        before = arms(engine)
    assert bool(before) == (site.published is not None), "a database takes the arms back with the list"
    monkeypatch.setattr("payrec.commands.run.store_arms", store_arms)
    site.night()
    with site.open() as engine:
        assert before.items() <= arms(engine).items()
        assert len(before) in (0, len(arms(engine)))


def test_a_list_by_an_experiment_that_was_stopped_meanwhile_is_not_shown(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    with site.open() as engine:
        holdout.start(engine, FIRST_NIGHT, name="e1", without_check=True)

    def stopped(engine: Engine, *arguments: Any) -> None:
        holdout.stop(engine, FIRST_NIGHT)
        assigning.store_arms(engine, *arguments)

    monkeypatch.setattr("payrec.commands.run.store_arms", stopped)
    with pytest.raises(Locked, match="e1 was stopped while this run made a list by it"):
        site.night()
    with site.open() as engine:
        assert store_of(site, engine).runs() == []


def test_what_an_experiment_cannot_be(site: Site) -> None:
    at = datetime.fromisoformat("2026-05-20")
    with site.open() as engine:
        for wrong, message in (
            ({"share": 0.0}, "share is 0: expected 0.01 to 0.5"),
            ({"share": 0.7}, "share is 0.7: expected 0.01 to 0.5"),
            ({"explore_share": -1}, "explore_share is -1"),
            ({"planned_customers": 5}, "planned_customers is 5: expected 100"),
            ({"name": "../x"}, "expected at most 64 letters"),
        ):
            with pytest.raises(UsageError, match=message):
                holdout.start(engine, at, without_check=True, **wrong)  # type: ignore[arg-type]
        holdout.start(engine, at, name="e1", without_check=True)
    with pytest.raises(UsageError, match="e1 assigns customers, but the policy lists orders"):
        site.night(policy=replace(Policy(), unit="order"))


def test_an_experiment_starts_after_a_check_of_the_last_days_that_passed(duckdb_memory: Engine) -> None:
    def check(days_ago: int, coverage: float) -> None:
        at = FIRST_NIGHT - days_ago * DAY
        ledger.add(duckdb_memory, ledger.Entry(at, "kim", holdout.CHECK, "past lists", "done", f"{coverage:.3f}"))

    with pytest.raises(UsageError, match="found no plan of the last 30 days"):
        holdout.start(duckdb_memory, FIRST_NIGHT)
    check(31, 0.95)
    with pytest.raises(UsageError, match="payrec holdout plan"):
        holdout.start(duckdb_memory, FIRST_NIGHT)
    check(30, 0.95)
    check(2, 0.895)  # the newest counts
    with pytest.raises(CannotTell, match="covers 0 in 90%, expected about 95%"):
        holdout.start(duckdb_memory, FIRST_NIGHT)
    check(1, 0.9)
    assert holdout.start(duckdb_memory, FIRST_NIGHT, name="e1").experiment.experiment_id == "e1"


def test_the_outcome_of_assigned_orders_is_that_of_their_balances_and_the_plan_needs_customers(site: Site) -> None:
    """Five weeks later every epoch of the first night has ended; what was stored then is compared, nothing else."""
    with site.open() as engine:
        holdout.start(engine, FIRST_NIGHT, share=0.3, name="e1", without_check=True)
    site.night()
    later = FIRST_NIGHT + 35 * DAY
    site.arrive(later)
    with site.open() as engine:
        layers.build(engine, layers.Parameters((later,), (), 30))
        orders = experiments.outcomes(engine, experiments.registered(engine)[0].experiment)
        known = dict(
            zip(*snapshots.outcomes(engine, FIRST_NIGHT, 30).drop(["as_of"]).to_pydict().values(), strict=True)
        )
        assert orders.num_rows > 50
        ended = engine.read(
            "SELECT o.order_id FROM stg_balances AS b JOIN stg_orders AS o ON o.order_no = b.order_no "
            "WHERE b.closed_by IN ('void', 'credit')"
        )["order_id"].to_pylist()
        names = orders["order_id"].to_pylist()
        expected = [0 if known[name] is None and name in ended else known[name] for name in names]
        assert expected == orders["label"].to_pylist()
        now = holdout.status(engine, "e1")
        assert sum(now.matured.values()) == sum(now.assigned.values()) > 30
        assert now.verdict == "cannot tell"
        assert holdout.sentences(now)
        assert now.contacted["contact"] > 0, "the simulation contacts whom it wants"
        with pytest.raises(UsageError, match="no experiment e9, expected one of: e1"):
            holdout.status(engine, "e9")
        with pytest.raises(CannotTell, match="100 are needed"):
            holdout.plan(engine, site.models, Policy(capacity={"total": 5}))
        moved = engine.read("SELECT * FROM raw_transactions")
        held = now.assigned["hold"]
        merged = pa.array(["c_merged"] * moved.num_rows)
        moved = moved.set_column(moved.column_names.index("customer_id"), "customer_id", merged)
        with engine.transaction():
            engine.write("raw_transactions", moved, key=("order_id",))
        layers.build(engine, layers.Parameters((later,), (), 30))
        again = holdout.status(engine, "e1")
        assert again.assigned["hold"] == held
        totals = [[one.estimate.total for one in each.figures] for each in (now, again)]
        assert totals[1] == pytest.approx(totals[0], nan_ok=True), (
            "customers that were merged into another keep their arms"
        )
