"""Options of the simulated customers: the default changes nothing, each option changes what it names."""

from __future__ import annotations

import numpy as np
import pyarrow.compute as pc
import pytest

from payrec.common.errors import UsageError
from payrec.simulate import simulator
from payrec.simulate.customer_behaviour import Behaviour
from payrec.simulate.hazard import weekly_shocks

DAY = np.datetime64("2026-01-01")


def explained(behaviour: Behaviour) -> float:
    """Share of the variance of the effect on the log hazard that reason, device, type and tenure explain."""
    truth = simulator.portfolio(4_000, 3, behaviour=behaviour).truth
    truth = truth.filter(pc.and_(pc.equal(truth["age_days"], 0), pc.is_valid(truth["contact_effect_30d"])))
    alone, more = truth["p_uncontacted_30d"].to_numpy(), truth["contact_effect_30d"].to_numpy()
    tau = np.log(np.log1p(-np.clip(alone + more, 0, 0.9999)) / np.log1p(-np.clip(alone, 1e-6, 0.9999)))
    return float(tau.std())


def test_effects_differ_by_what_is_seen_by_what_is_hidden_or_not_at_all() -> None:
    assert explained(Behaviour("none")) < 1e-3
    assert explained(Behaviour("seen")) > 0.4
    assert 0.4 < explained(Behaviour("hidden")) < 0.6


def test_customers_held_out_are_never_contacted_and_the_share_is_the_one_named() -> None:
    for share in (0.0, 0.5):
        simulated = simulator.portfolio(4_000, 3, behaviour=Behaviour(held_out=share))
        truth = simulated.truth.group_by("order_id").aggregate([("is_holdout", "max")])
        held = truth.filter(truth["is_holdout_max"])["order_id"].combine_chunks()
        assert len(held) / truth.num_rows == pytest.approx(share, abs=0.08)
        contacts = simulated.events.filter(pc.equal(simulated.events["event_type"], "contact"))
        assert not pc.any(pc.is_in(contacts["order_id"], value_set=held)).as_py()


def test_shocks_are_shared_by_a_week_and_move_the_truth() -> None:
    by_day = weekly_shocks(np.random.default_rng(1), Behaviour(weekly_shock_sd=0.15), DAY, 7 * 4_000)
    by_week = by_day[4:-3].reshape(-1, 7)  # the first of January 2026 is a Thursday
    assert np.ptp(by_week, axis=1).max() == 0
    assert by_week.std() == pytest.approx(0.15, rel=0.1)
    assert np.corrcoef(by_week[1:, 0], by_week[:-1, 0])[0, 1] == pytest.approx(0.7, abs=0.05)
    plain, shaken = (
        simulator.portfolio(1_000, 3, behaviour=Behaviour(weekly_shock_sd=sd)).truth["p_uncontacted_30d"]
        for sd in (0.0, 0.3)
    )
    assert not plain.equals(shaken)


def test_what_customers_cannot_be() -> None:
    with pytest.raises(UsageError, match="expected one of hidden, seen, none"):
        Behaviour("visible")  # type: ignore[arg-type]
    with pytest.raises(UsageError, match=r"held_out is 1\.5: expected 0 to 1"):
        Behaviour(held_out=1.5)
    for share in (1.5, float("nan")):
        with pytest.raises(UsageError, match=f"failed_share is {share}"):
            Behaviour(failed_share=share)
