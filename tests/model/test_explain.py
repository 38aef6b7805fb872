"""Explanations add up, and say what is so."""

from __future__ import annotations

from datetime import datetime

import numpy as np
import pyarrow as pa
import pytest
from rows import feature_rows

from payrec.model import explain, sentences
from payrec.model.features.declarations import GROUPS
from payrec.model.recipes import training
from payrec.model.recipes.model import Model, log_odds, predict

ROWS = feature_rows(300, seed=51)


def fact(group: str, **columns: object) -> str:
    return sentences.sentences(pa.table({name: [value] for name, value in columns.items()} or {"order_id": ["a"]}))[0][
        group
    ]


def test_contributions_add_up_to_the_probability(model: Model) -> None:
    found = explain.contributions(model, ROWS)
    assert found.values.shape == (300, len(GROUPS))
    assert np.array_equal(found.probability, predict(model, ROWS))
    assert found.base + found.values.sum(axis=1) == pytest.approx(found.probability, abs=1e-9)


def test_contributions_of_rows_with_nothing_known_add_up(model: Model) -> None:
    found = explain.contributions(model, pa.table({"order_id": ["a"]}))
    assert found.base + found.values.sum() == pytest.approx(found.probability[0], abs=1e-9)


def test_a_row_at_the_base_has_finite_contributions(model: Model) -> None:
    z = np.array([model.base_log_odds, model.base_log_odds + 1e-9, model.base_log_odds + 1e-5])
    base = float(model.calibration.probability(z[:1])[0])
    scale = explain._scale(model, z, model.calibration.probability(z), base)
    assert scale == pytest.approx(scale[2], rel=1e-3)
    assert (scale > 0).all()


def test_contributions_keep_the_direction_of_the_log_odds(model: Model) -> None:
    found = explain.contributions(model, ROWS)
    gap = log_odds(model, training.matrix.matrix(ROWS, model.vocabulary)) - model.base_log_odds
    assert (np.sign(found.values.sum(axis=1)) == np.sign(gap)).all()


def test_reasons_are_the_strongest_contributions(model: Model) -> None:
    found = explain.contributions(model, ROWS)
    told = explain.reasons(model, ROWS, top=3)
    assert len(told) == 300
    for row in (0, 150, 299):
        strongest = sorted(np.abs(found.values[row]), reverse=True)[:3]
        assert [abs(reason.points) for reason in told[row]] == pytest.approx(strongest)
        for reason in told[row]:
            group, direction = reason.reason_id.split(".")
            assert group in GROUPS
            assert direction == ("up" if reason.points > 0 else "down")
            assert reason.text.endswith(" (raises the chance)" if reason.points > 0 else " (lowers the chance)")


def test_reason_ids_are_stable() -> None:
    assert list(GROUPS) == [
        "age", "activity", "due", "amount", "history", "open", "recent", "provider", "reason", "country", "method",
        "calendar", "status",
    ]  # fmt: skip
    assert set(sentences.CLAUSES) == set(GROUPS)


def test_a_row_is_explained_alone_as_in_the_whole(model: Model) -> None:
    assert explain.reasons(model, ROWS.slice(7, 1))[0] == explain.reasons(model, ROWS)[7]


def test_waterfall_leads_from_base_to_probability(model: Model) -> None:
    found = explain.waterfall(model, ROWS.slice(5, 1))
    assert found.probability == predict(model, ROWS)[5]
    assert found.steps[-1].after == pytest.approx(found.probability, abs=1e-9)
    assert [abs(step.points) for step in found.steps] == sorted((abs(s.points) for s in found.steps), reverse=True)


def test_no_rows_no_reasons(model: Model) -> None:
    assert explain.reasons(model, ROWS.slice(0, 0)) == []


@pytest.mark.parametrize(
    ("group", "columns", "expected"),
    [
        ("history", {"cust_decided": 5, "cust_recovered_in_time": 2},
         "2 of this customer's last 5 failed payments were recovered in time"),
        ("history", {"cust_decided": 5, "cust_recovered_in_time": 1},
         "1 of this customer's last 5 failed payments was recovered in time"),
        ("history", {"cust_decided": 1, "cust_recovered_in_time": 0},
         "this customer's one earlier failed payment was not recovered in time"),
        ("history", {"cust_decided": 0, "cust_recovered_in_time": 0},
         "no earlier failed payments by this customer"),
        ("history", {}, "this customer's earlier payments unknown"),
        ("age", {"age_days": 1}, "open for 1 day"),
        ("age", {"age_days": 0}, "opened less than a day ago"),
        ("due", {"days_to_due": -3}, "3 days past due"),
        ("due", {"days_to_due": 1}, "due in 1 day"),
        ("due", {}, "no due date known"),
        ("amount", {"outstanding_minor": 123456, "currency": "EUR"}, "EUR 1,234.56 outstanding"),
        ("amount", {"outstanding_minor": 5, "currency": "EUR", "paid_minor": 9},
         "EUR 0.05 outstanding, partly paid"),
        ("activity", {"attempts": 3, "contacts": 1, "last_event_type": "attempt", "days_since_last_event": 2},
         "3 attempts and 1 contact so far, the last event (attempt) 2 days ago"),
        ("activity", {}, "attempts unknown"),
        ("open", {"cust_open": 2}, "2 other open orders of this customer"),
        ("open", {"cust_open": 0}, "no other open order"),
        ("recent", {"cust_orders_90d": 4, "cust_failures_90d": 1},
         "4 orders by this customer in 90 days, 1 of them failed"),
        ("reason", {"reason_code": "expired_card", "reason_decided_90d": 50, "reason_recovered_90d": 20},
         "failed by expired_card, 40% of those recovered lately"),
        ("provider", {"provider": "adyen", "provider_decided_90d": 0, "provider_recovered_90d": 0}, "provider adyen"),
        ("country", {}, "country unknown"),
        ("method", {"payment_method": "card", "device": None, "transaction_type": "one_off"},
         "payment by card, one_off"),
        ("calendar", {"as_of": datetime(2024, 2, 29)}, "scored on a Thursday, day 29 of the month"),
        ("status", {"is_disputed": 1, "has_chargeback": 0}, "a dispute is open"),
        ("status", {"promised_until": datetime(2024, 3, 5)}, "payment promised by 2024-03-05"),
        ("status", {"is_disputed": 0}, "no dispute and no promise"),
    ],
)  # fmt: skip
def test_facts_by_hand(group: str, columns: dict[str, object], expected: str) -> None:
    assert fact(group, **columns) == expected


def test_words_from_data_are_made_harmless() -> None:
    assert sentences.word("a\x1b[31m\u202eb\x00\nc") == "a [31m b c"
    assert len(sentences.word("x" * 1000)) == sentences.LONGEST_WORD
    assert fact("provider", provider="=cmd()") == "provider =cmd()"
