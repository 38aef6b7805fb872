"""The card holds what it promises; the page needs nothing from outside and shows text from data as text."""

from __future__ import annotations

import json
import re
from functools import cache
from html.parser import HTMLParser
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from rows import feature_rows

from payrec.common.json import canonical_json
from payrec.model.evaluate import backtest, model_report
from payrec.model.evaluate.backtest import BacktestSpec
from payrec.model.features.declarations import FEATURES
from payrec.model.recipes import training
from payrec.model.recipes.model import Model

HOSTILE = "<img src=x onerror=alert(1)> \u202e'\""
AUDIT = {
    "counts": {"orders": 3000, "matured": 2500},
    "findings": [{"code": "x", "level": "warn", "rows": 3, "message": f"{HOSTILE} breaks a promise\nexpected: none"}],
}
SPEC = BacktestSpec(folds=2, bootstrap=20, importance_rows=200)


@cache
def made() -> tuple[Model, backtest.Backtest]:
    rows = feature_rows(2000, 7)
    names = np.array(rows["reason_code"].to_pylist(), object)
    names[names == "expired_card"] = HOSTILE
    at = rows.column_names.index("reason_code")
    rows = rows.set_column(at, "reason_code", pa.array(names, pa.string()))
    at = rows.column_names.index("currency")
    currency = ["<b>EUR</b>" if name == "EUR" else name for name in rows["currency"].to_pylist()]
    rows = rows.set_column(at, "currency", pa.array(currency, pa.string()))
    return training.train(rows, training.TrainSpec("logistic")), backtest.run(rows, SPEC)


@cache
def card() -> dict[str, Any]:
    return model_report.card(*made(), AUDIT)


@cache
def page() -> str:
    return model_report.html(card(), "v0001")


class Reader(HTMLParser):
    """Tags, attributes and what a reader sees."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str]] = []
        self.seen = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += [(name, value or "") for name, value in attrs]

    def handle_data(self, data: str) -> None:
        self.seen += data


@cache
def read() -> Reader:
    reader = Reader()
    reader.feed(page())
    return reader


def test_the_card_says_what_it_must() -> None:
    of = card()
    assert {"recipe", "horizon_days", "training", "features", "backtest", "audit", "limits", "reproduce"} <= set(of)
    assert [feature["name"] for feature in of["features"]] == [feature.name for feature in FEATURES]
    assert "is_opted_out" in [feature["name"] for feature in of["features"] if not feature["used"]]
    assert of["training"]["rows"] == made()[0].training.rows
    assert of["backtest"] == made()[1].to_dict()
    assert of["reproduce"][1] == "PAYREC_SEED=20260101 payrec backtest --recipe logistic --horizon 30 --folds 2"
    assert any("up to 60 days old" in limit for limit in of["limits"])
    assert any("different currencies" in limit for limit in of["limits"])


def test_the_card_is_plain_json_and_the_same_twice() -> None:
    assert json.loads(canonical_json(card())) == card()
    assert model_report.card(*made(), AUDIT) == card()
    assert model_report.html(json.loads(json.dumps(card())), "v0001") == page()


def test_nothing_comes_from_outside() -> None:
    assert "http" not in page()
    assert "//" not in re.sub(r"<style>.*?</style>", "", page(), flags=re.S)
    assert "@import" not in page()
    reader = read()
    assert not {"script", "link", "iframe", "object", "embed", "base", "form", "img"} & set(reader.tags)
    for name, value in reader.attributes:
        assert name not in {"src", "href", "srcset", "action", "data", "xlink:href"}
        assert not name.startswith("on")
        if "url(" in value:
            assert re.search(r"url\(#[\w-]+\)", value)


def test_text_from_data_is_text() -> None:
    assert "<img" not in page()
    assert "<b>EUR" not in page()
    assert "\u202e" not in page()
    assert "<img src=x onerror=alert(1)>" in read().seen
    assert "<b>EUR</b>" in read().seen


def test_ids_are_unique_and_every_picture_has_words() -> None:
    ids = [value for name, value in read().attributes if name == "id"]
    assert len(ids) == len(set(ids))
    pictures = [value for name, value in read().attributes if name == "aria-label" and value.endswith(".")]
    assert read().tags.count("figure") == 10
    assert len(pictures) >= 10


def test_figures_of_the_page_are_those_of_the_card() -> None:
    tested = card()["backtest"]
    low, high = tested["ci95"]["pr_auc"]
    assert f"{tested['pr_auc']:.3f}" in read().seen
    assert f"95% interval {low:.3f}–{high:.3f}" in read().seen
    assert "the model is significantly better than ranking by the customer's own history" in read().seen
    for reason in tested["excluded"]:
        assert reason in model_report.NOT_TESTED


def test_no_intervals_no_importance_and_one_class_still_make_a_page() -> None:
    rows = feature_rows(3000, 8)
    late = rows["as_of"].to_numpy() >= np.datetime64("2025-03-01")
    lost = [
        0 if is_late and label is not None else label for is_late, label in zip(late, rows[-1].to_pylist(), strict=True)
    ]
    rows = rows.set_column(rows.num_columns - 1, "label_recovered_30d", pa.array(lost, pa.int16()))
    spec = BacktestSpec(split=np.datetime64("2025-03-01").item(), ages=(0, 7), bootstrap=0, importance_rows=0)
    tested = backtest.run(rows, spec, lambda *_: lambda of: np.full(of.num_rows, 0.2))
    bare = model_report.card(made()[0], tested)
    drawn = model_report.html(bare)
    assert "all ended the same way" in drawn
    assert "This card has no audit" in drawn
    assert bare["reproduce"][1].endswith("--split 2025-03-01 --ages 0,7")
    assert any("not significantly better" in limit for limit in bare["limits"])


@pytest.mark.parametrize(
    ("low", "high", "words"), [(-0.1, 0.1, "not significantly different"), (-0.2, -0.1, "significantly worse")]
)
def test_the_verdict_follows_the_interval(low: float, high: float, words: str) -> None:
    tested = {**card()["backtest"], "ci95": {**card()["backtest"]["ci95"], "pr_auc_over_history_rate": [low, high]}}
    assert words in model_report.verdict(tested)
