from __future__ import annotations

import json
import math
from dataclasses import replace
from datetime import datetime
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from payrec.model.features.spreads import Spread
from payrec.monitor import drift, verdicts
from payrec.monitor.drift import Figure
from payrec.monitor.limits import Limits
from payrec.publish import run_info
from payrec.publish.run_info import RunSummary
from payrec.worklist import score
from payrec.worklist.score import Measured

AS_OF = datetime.fromisoformat("2026-01-31")
COUNTRY = Spread("country", (), ("unknown", "other", "DE", "FR"), (0.0, 0.02, 0.5, 0.48))
AMOUNT = Spread("outstanding_relative", (0.0,), ("unknown", "<= 0", "> 0"), (0.0, 0.5, 0.5))
AGE = Spread("age_days", (7.0,), ("unknown", "<= 7", "> 7"), (0.0, 0.5, 0.5))
SPREADS = (COUNTRY, AMOUNT, AGE)

shares = st.lists(st.floats(0, 1), min_size=2, max_size=8).filter(sum).map(lambda s: [x / sum(s) for x in s])


def a_run(**changes: Any) -> RunSummary:
    same = {bins.feature: bins.shares for bins in SPREADS}
    made = RunSummary(
        AS_OF, datetime.fromisoformat("2026-01-30"), 10_000, {"disputed": 100}, same | changes.pop("shares", {}), 0.4
    )
    return replace(made, **changes)


def judged(now: RunSummary, before: RunSummary | None, **limits: float) -> dict[tuple[str, str], verdicts.Verdict]:
    made = verdicts.verdicts_of(drift.figures(now, before, SPREADS), Limits(**limits))  # type: ignore[arg-type]
    return {(one.figure.metric, one.figure.subject): one for one in made}


def test_psi_by_hand() -> None:
    assert drift.psi([0.5, 0.5], [0.6, 0.4]) == pytest.approx(0.1 * math.log(1.2) - 0.1 * math.log(0.8))
    assert drift.psi([1, 0], [0.9, 0.1]) == pytest.approx(-0.1 * math.log(0.9) + 0.0999 * math.log(1000))


@given(shares)
def test_psi_of_the_same_is_0_and_never_negative(before: list[float]) -> None:
    assert drift.psi(before, before) == 0
    after = before[::-1]
    assert drift.psi(before, after) >= 0
    assert drift.psi(before, after) == pytest.approx(drift.psi(after, before))


def test_psi_by_chance_is_what_chance_gives() -> None:
    rng = np.random.default_rng(1)
    p = np.full(10, 0.1)
    drawn = [drift.psi(rng.multinomial(500, p) / 500, rng.multinomial(2_000, p) / 2_000) for _ in range(300)]
    assert np.mean(drawn) == pytest.approx(drift.psi_by_chance(10, 500, 2_000), rel=0.1)
    assert math.isnan(drift.psi_by_chance(10, 0, 5))


def test_the_same_twice_is_calm() -> None:
    assert {one.level for one in judged(a_run(), a_run()).values()} == {"ok"}
    assert {one.level for one in judged(a_run(), None).values()} == {"ok"}


@pytest.mark.parametrize(
    ("now", "metric", "subject", "level"),
    [
        (
            {"shares": {"outstanding_relative": (0.0, 0.01, 0.99)}},
            "psi",
            "outstanding_relative",
            "alarm",
        ),  # cents as euros
        ({"shares": {"outstanding_relative": (0.0, 0.35, 0.65)}}, "psi", "outstanding_relative", "ok"),  # 0.093
        ({"shares": {"outstanding_relative": (0.0, 0.33, 0.67)}}, "psi", "outstanding_relative", "watch"),  # 0.12
        ({"shares": {"age_days": (0.0, 0.01, 0.99)}}, "psi_clock", "age_days", "ok"),
        ({"recovery_rate_90d": 0.2}, "recovery_rate_90d", "", "alarm"),
        ({"recovery_rate_90d": 0.45}, "recovery_rate_90d", "", "ok"),
        ({"shares": {"country": (0.0, 0.10, 0.45, 0.45)}}, "new_share", "country", "watch"),
        ({"shares": {"country": (0.0, 0.02, 0.98, 0.0)}}, "vanished_share", "country=FR", "watch"),
        ({"rows": 0, "suppressed": {}}, "rows", "", "alarm"),
        ({"rows": 4_000}, "rows", "", "alarm"),
        ({"rows": 16_000}, "rows", "", "alarm"),
        ({"rows": 9_000}, "rows", "", "ok"),
        ({"suppressed": {"disputed": 4_000}}, "suppressed_share", "", "alarm"),
        ({"data_until": datetime.fromisoformat("2026-01-28T23:00")}, "stale_days", "", "alarm"),
        ({"data_until": datetime.fromisoformat("2026-01-31")}, "stale_days", "", "ok"),
    ],
)
def test_what_changed_is_found(now: dict[str, Any], metric: str, subject: str, level: str) -> None:
    assert judged(a_run(**now), a_run())[metric, subject].level == level


def test_few_rows_are_not_taken_for_drift() -> None:
    shifted = {"outstanding_relative": (0.0, 0.35, 0.65)}
    assert judged(a_run(shares=shifted), a_run(), psi_watch=0.05)["psi", "outstanding_relative"].level == "watch"
    few = judged(a_run(shares=shifted, rows=40), a_run(rows=40), psi_watch=0.05)
    assert few["psi", "outstanding_relative"].level == "ok"


def test_limits_are_settings_and_the_worst_comes_first() -> None:
    now = a_run(shares={"outstanding_relative": (0.0, 0.33, 0.67)}, rows=1_000)
    made = verdicts.verdicts_of(drift.figures(now, a_run(), SPREADS), Limits(psi_alarm=0.11))
    assert [one.level for one in made[:2]] == ["alarm", "alarm"]
    assert verdicts.worst(made) == "alarm"
    assert verdicts.worst([]) == "ok"


def test_matured_numbers_need_rows_to_alarm() -> None:
    found = [Figure("ece", "2026-01-01", 0.2, 0.01), Figure("pr_auc", "2026-01-01", 0.3, 0.6)]
    many = verdicts.verdicts_of([*found, Figure("matured_rows", "2026-01-01", 5_000)], Limits())
    assert [one.level for one in many] == ["alarm", "alarm", "ok"]
    few = verdicts.verdicts_of([*found, Figure("matured_rows", "2026-01-01", 50)], Limits())
    assert [one.level for one in few] == ["ok", "ok", "ok"]
    assert "too few" in few[0].sentence


def test_history_is_a_table_by_run() -> None:
    made = verdicts.verdicts_of([Figure("rows", "", 0), Figure("psi_training", "x", math.inf)], Limits())
    table = verdicts.to_table(made, "r1", AS_OF)
    assert table.schema == run_info.VERDICTS
    assert table.to_pylist()[0] == {
        "run_id": "r1",
        "as_of": AS_OF,
        "metric": "rows",
        "subject": "",
        "value": 0.0,
        "beside": None,
        "level": "alarm",
        "sentence": "nothing to score: no order is open",
    }
    assert table["value"].to_pylist() == [0.0, None]


def test_history_has_one_row_for_a_key() -> None:
    twice = verdicts.verdicts_of([Figure("rows", "", 5), Figure("rows", "", 0)], Limits())
    assert verdicts.to_table(twice, "r1", AS_OF)["level"].to_pylist() == ["alarm"]


def test_facts_survive_json() -> None:
    for told in (a_run(), a_run(data_until=None)):
        assert run_info.summary_from_json(json.loads(json.dumps(run_info.summary_to_json(told)))) == told
    unknown = run_info.summary_from_json(run_info.summary_to_json(a_run(recovery_rate_90d=math.nan)))
    assert math.isnan(unknown.recovery_rate_90d)


@pytest.mark.parametrize(
    ("earlier", "chosen"),
    [
        ([], None),
        (["2026-01-31", "2026-02-05"], None),  # not before as_of
        (["2026-01-29", "2026-01-30"], "2026-01-30"),
        (["2025-12-31", "2026-01-01", "2026-01-30"], "2025-12-31"),
        (["2026-01-02", "2026-01-30"], "2026-01-02"),
        (["2025-12-20", "2026-01-10"], "2026-01-10"),
    ],
)
def test_a_run_is_compared_with_the_same_day_of_the_month_before(earlier: list[str], chosen: str | None) -> None:
    runs = [a_run(as_of=datetime.fromisoformat(day)) for day in earlier]
    found = drift.baseline(runs, AS_OF)
    assert (found and found.as_of.date().isoformat()) == chosen


def test_batches_pool_to_the_whole() -> None:
    rng = np.random.default_rng(2)
    p = rng.random(1_000)
    parts = [(len(part), {"p": score.score_shares(part)}) for part in (p[:100], p[100:350], p[350:])]
    assert score.pooled(parts)["p"] == pytest.approx(score.score_shares(p))
    assert score.pooled([]) == {}
    assert sum(score.score_shares(np.array([0.0, 1.0]))) == 1


def test_facts_of_a_list() -> None:
    ranked = pa.table({"suppressed_reason": ["promised", None, "disputed", "promised"]})
    told = run_info.summarised(ranked, AS_OF, None, Measured())
    assert (told.rows, told.suppressed, told.suppressed_share) == (4, {"disputed": 1, "promised": 2}, 0.75)
