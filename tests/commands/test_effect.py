"""payrec effect: refused without random assignment, judged with it, stored and read back."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest

from payrec.commands import effect
from payrec.commands.explain import explain
from payrec.commands.replay import replay
from payrec.common.errors import ModelRefused, UsageError
from payrec.model.recipes.contact_effect import ContactEffect, EffectColumn
from payrec.model.store import versions
from payrec.publish.store import list_by_customer, open_store
from payrec.worklist.assignment import SCHEMA
from payrec.worklist.policy import Policy, Valuation
from tests.commands.conftest import Site

AT = datetime.fromisoformat("2026-03-01")


def test_without_an_experiment_nobody_can_tell(site: Site, tmp_path: Path) -> None:
    site.night()
    with site.open() as engine:
        report = effect.train(engine, tmp_path)
    assert not report.verdict.is_on
    assert "no customer was assigned at random" in report.verdict.reason
    assert effect.show(tmp_path).verdict.reason == report.verdict.reason


def test_fault_82_what_was_not_trained_or_is_damaged_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="payrec effect train"):
        effect.show(tmp_path)
    for content in (b"", b"{", b"[]", b"7", b"null", b"{}", b'{"verdict": null}', b'{"verdict": {}}', b"\xff"):
        (tmp_path / effect.FILE).write_bytes(content)
        with pytest.raises(ModelRefused, match=r"(?s)damaged.*payrec effect train"):
            effect.show(tmp_path)


def test_assigned_orders_are_judged_by_what_was_stored_with_them() -> None:
    rng = np.random.default_rng(4)
    n = 4_000
    names = [f"c{number}" for number in range(n)]
    contact, direct_debit = rng.random(n) < 0.8, rng.random(n) < 0.5
    p = rng.uniform(0.2, 0.7, n)
    recovered = rng.random(n) < p + np.where(direct_debit, 0.25, -0.1) * contact
    drawn = pa.Table.from_pylist(
        [
            {"customer_id": name, "epoch": 1, "random_number": 0.5, "arm": "contact" if arm else "hold",
             "propensity": 0.8, "stratum": "top", "rank_if_free": 1, "as_of": AT}
            for name, arm in zip(names, contact, strict=True)
        ],
        schema=SCHEMA,
    )  # fmt: skip
    features = [json.dumps({"age_days": 5, "payment_method": "debit" if one else "card"}) for one in direct_debit]
    orders = pa.table(
        {
            "customer_id": names, "order_id": names, "epoch": [1] * n,
            "outstanding_value": rng.lognormal(4, 1, n).round(2),
            "ev_currency": ["EUR"] * n, "p_recover": p, "features": features, "label": recovered.astype(np.int16),
        }
    )  # fmt: skip
    report, part = effect.judged([drawn], [orders], 1, [])
    assert part is not None
    assert part.reach == 1
    assert len(report.verdict.by_tenth) == 10
    assert report.verdict.is_on
    assert report.orders == n
    assert report.coefficients["payment_method debit"] > 0.2
    assert "age_days" not in report.coefficients, "a column of one value says nothing"


def test_a_night_ranks_by_extra_money_while_the_champion_has_an_effect(site: Site, tmp_path: Path) -> None:
    """Published with its chances and kinds, said in the summary, and replayed to the last digit."""
    store = tmp_path / "models"
    shutil.copytree(site.models, store)
    champion = versions.champion(store)
    part = ContactEffect(0.0, 0.8, (EffectColumn("age_days", None, 2.0, 1.0, 0.0, -0.3),), 0.05, 10_000)
    versions.promote(store, versions.add(store, replace(champion.model, effect=part), champion.card))
    assert versions.champion(store).model.effect == part
    report = site.night(models=store)
    run = report.published.run
    assert run.summary.by_extra
    with site.open() as engine:
        lists = open_store(site.published or engine)
        orders, customers = lists.scores(run.run_id), list_by_customer(lists, run.run_id)
        assert replay(run.run_id, lists, store, lambda _: None).equal
        first = orders.filter(pc.equal(orders["rank"], 1)).to_pylist()[0]
        steps = explain(engine, first["order_id"], store, run.as_of).effect
    assert steps is not None
    assert (steps.p_if_contacted, steps.p_if_not, steps.kind) == (
        pytest.approx(first["p_if_contacted"], abs=1e-6), pytest.approx(first["p_if_not"], abs=1e-6),
        first["contact_kind"],
    )  # fmt: skip
    assert sum(steps.points.values()) == pytest.approx(steps.p_if_contacted - steps.p_if_not, abs=1e-12)
    assert set(steps.points) == {"any order", "age_days"}
    known = orders.filter(orders["p_recover_30d"].is_valid())
    assert known["p_if_contacted"].null_count == known["contact_kind"].null_count == 0
    ranked = customers.filter(customers["rank"].is_valid())
    assert ranked["net_value"].equals(ranked["extra_recovered"]), "no channel costs anything"
    assert ranked["extra_recovered"].to_pylist() == sorted(ranked["extra_recovered"].to_pylist(), reverse=True)
    expected = site.night(models=store, policy=Policy(capacity={"total": 50}, value=Valuation(rank_by="expected")))
    assert not expected.published.run.summary.by_extra
    assert expected.published.run.run_id != run.run_id


def test_training_takes_an_effect_out_that_no_experiment_supports(site: Site, tmp_path: Path) -> None:
    store = tmp_path / "models"
    shutil.copytree(site.models, store)
    champion = versions.champion(store)
    part = ContactEffect(0.0, 0.8, (), 0.05, 10_000)
    versions.promote(store, versions.add(store, replace(champion.model, effect=part), champion.card))
    site.night(models=store)
    with site.open() as engine:
        report = effect.train(engine, store)
    assert not report.verdict.is_on
    assert versions.champion(store).model_id == champion.model_id, "the same model without it"
