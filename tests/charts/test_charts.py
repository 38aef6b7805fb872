"""Every chart draws without the network, says in a sentence what it shows, and shows text as text."""

from __future__ import annotations

import re
from collections.abc import Callable
from xml.etree import ElementTree

import numpy as np
import pandas as pd
import pytest

from payrec.charts import behaviour, calibration, ranking, theme

HOSTILE = "<script>alert(1)</script> & \"quoted\" 'café' \u202e"


def curves() -> pd.DataFrame:
    share = np.linspace(0, 1, 11)
    found = {"model": np.sqrt(share), "random": share, "best": np.minimum(1, share * 4), "amount": share**0.8}
    return pd.concat([pd.DataFrame({"series": name, "share": share, "found": y}) for name, y in found.items()])


def bars() -> pd.DataFrame:
    values = {"model": 0.7, "history_rate": 0.5, "random": 0.1, "p_only": 0.8}
    frame = pd.DataFrame({"series": list(values), "value": list(values.values()), "low": np.nan, "high": np.nan})
    frame.loc[0, ["low", "high"]] = [0.65, 0.75]
    return frame


def reliability() -> pd.DataFrame:
    promised = np.array([0.1, 0.4, 0.8])
    observed = np.array([0.1, 0.5, 0.8])
    rows = {"mean_p": promised, "observed": observed, "low": observed - 0.05, "high": observed + 0.05, "rows": 100}
    return pd.DataFrame(rows)


def spread() -> pd.DataFrame:
    return pd.DataFrame({"p_low": [0.0, 0.5], "p_high": [0.5, 1.0], "rows": [200, 100]})


def segments() -> pd.DataFrame:
    return reliability().assign(segment=[HOSTILE, "DE", "unknown"], ece=0.01)


def importance() -> pd.DataFrame:
    return pd.DataFrame({"meaning": ["amount", "age of the order", "device"], "log_loss_rise": [0.01, 0.03, -0.001]})


def folds() -> pd.DataFrame:
    days = ["2025-01-01", "2025-02-01", "2025-03-01"]
    return pd.DataFrame({"test_from": days, "pr_auc": [0.6, 0.7, 0.4], "history": 0.5, "base_rate": 0.3})


CHARTS: dict[str, Callable[[], theme.Chart]] = {
    "capture": lambda: ranking.capture(curves(), 0.1, "share of the recovered money"),
    "bars": lambda: ranking.bars(bars(), "share of the best possible"),
    "lifts": lambda: ranking.bars(bars(), "lift", best=None),
    "reliability": lambda: calibration.reliability(reliability(), spread()),
    "segments": lambda: calibration.segments(segments(), "country"),
    "importance": lambda: behaviour.importance(importance()),
    "over_time": lambda: behaviour.over_time(folds()),
}


@pytest.mark.parametrize("name", CHARTS)
def test_a_chart_is_a_picture_without_an_address(name: str) -> None:
    drawn = theme.svg(CHARTS[name](), name)
    assert drawn.startswith("<svg")
    assert "http" not in drawn
    assert "href" not in drawn
    ElementTree.fromstring(drawn)
    assert "<script" not in drawn.lower()
    assert set(re.findall(r'id="([^"]*)"', drawn)) == {f for f in re.findall(r'id="([^"]*)"', drawn) if name in f}


@pytest.mark.parametrize("name", CHARTS)
def test_colours_come_from_the_page_where_it_has_them(name: str) -> None:
    drawn = theme.svg(CHARTS[name](), name)
    for color in theme.COLORS.values():
        assert f'"{color}"' not in drawn
    assert "var(--chart-ink, #1d2733)" in drawn


def test_the_margin_holds_the_longest_label_in_a_wide_font() -> None:
    drawn = theme.svg(ranking.bars(bars(), "share"), "margin")
    label, size = "the customer's own history", 12
    assert f'font-size="{size}px"' in drawn
    margin = float(re.findall(r"translate\((\d+(?:\.\d+)?),", drawn)[0])
    assert margin >= 0.56 * size * len(label)  # mean width of a letter in DejaVu Sans, in units of its size


def test_a_picture_for_mail_is_a_png() -> None:
    assert theme.png(CHARTS["bars"](), scale=1.0).startswith(b"\x89PNG")


def test_sentences_say_the_figures() -> None:
    assert ranking.capture_text(curves(), 0.1, "the recovered money") == (
        "The model's top 10% holds 32% of the recovered money; the strongest simple sorting (largest amount first) "
        "finds 16%, and 40% is the most that can be found."
    )
    assert ranking.bars_text(bars(), "Value in the top 10%") == (
        "Value in the top 10%: 70% for the model, above the strongest simple sorting, "
        "the customer's own history, with 50%."
    )
    worse = bars().assign(value=[0.4, 0.5, 0.1, 0.8])
    assert "0.40 for the model, not above" in ranking.bars_text(worse, "Lift", share=False)
    assert calibration.reliability_text(reliability()) == (
        "Of 3 groups of snapshots, from the least to the most likely, 2 came out as predicted within chance; "
        "the widest gap is 40% predicted against 50% recovered."
    )
    assert calibration.segments_text(segments(), "countries") == (
        "1 of 3 countries came out otherwise than predicted; the model is most off at DE, where it is too pessimistic: "
        "40% predicted, 50% recovered."
    )
    assert "too optimistic" in calibration.segments_text(segments().assign(mean_p=0.9), "countries")
    true = segments().assign(mean_p=segments()["observed"])
    assert calibration.segments_text(true, "countries").startswith("In all 3 countries")
    assert behaviour.importance_text(importance()).startswith("The model depends most on the age of the order (75% of")
    assert "no worse" in behaviour.importance_text(importance().assign(log_loss_rise=0.0))
    assert behaviour.over_time_text(folds()).endswith("is above the customer's history in 2 of them.")
    assert behaviour.over_time_text(folds().head(1)).startswith("One refit: PR AUC 0.600")


def test_the_capacity_between_two_points_is_read_off_the_curve() -> None:
    assert "holds 16%" in ranking.capture_text(curves().query("series == 'model'"), 0.05, "it")


def test_text_from_data_stays_text() -> None:
    drawn = theme.svg(CHARTS["segments"](), "x")
    assert "&lt;script&gt;" in drawn
