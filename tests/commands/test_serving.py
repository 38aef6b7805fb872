"""Before a company has a model of its own, its lists are ranked by rule, and say so; damage is never taken for that."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import pytest

import payrec
from payrec.commands import serving
from payrec.common.errors import DataRefused, ModelRefused, UsageError
from payrec.data.engines import Engine
from payrec.model.store import versions
from payrec.simulate import simulator
from tests.commands.conftest import arrive

END = datetime.fromisoformat("2026-06-30")


@pytest.fixture
def small(duckdb_memory: Engine) -> Engine:
    """Eighty orders: too few to train on."""
    arrive(duckdb_memory, simulator.portfolio(80, 5), END)
    return duckdb_memory


def test_the_first_list_needs_no_model_and_says_how_it_is_ranked(small: Engine, tmp_path: Path) -> None:
    store = tmp_path / "models"
    first = payrec.score(small, store, as_of=END, capacity=5)
    summary = first.summary()
    assert summary["by_rule"] is True
    assert first.frame["rank"].notna().sum() > 0
    chance = first.frame["p_recover_30d"].dropna()
    assert chance.between(0.001, 0.999).all()
    assert chance.nunique() > 2
    assert versions.champion(store).model.recipe == "rule"
    again = payrec.score(small, store, as_of=END, capacity=5)
    assert again.run.run_id == first.run.run_id, "the rule stays until the next training"
    with pytest.raises(UsageError, match="ranks by rule"):
        payrec.report(tmp_path / "report.html", models=store)


def test_training_on_too_few_rows_is_refused_with_the_command_that_works(small: Engine, tmp_path: Path) -> None:
    with pytest.raises(DataRefused, match=r"until then lists go by rule, without a model of yours: payrec score"):
        payrec.train(small, tmp_path / "models", now=END)
    assert payrec.score(small, tmp_path / "models", as_of=END).summary()["by_rule"]


def test_a_file_of_features_is_ranked_by_rule_too(small: Engine, tmp_path: Path) -> None:
    payrec.build(small, as_of=END, out=tmp_path / "open.csv")
    ranked = payrec.score_file(tmp_path / "open.csv", tmp_path / "models")
    assert ranked.summary()["by_rule"] is True
    assert versions.champion_id(tmp_path / "models") is None, "a file decides nothing for later lists"
    assert payrec.score(small, tmp_path / "models", as_of=END).summary()["by_rule"]


def test_a_lost_champion_is_no_reason_to_rank_by_rule(small: Engine, models: Path, tmp_path: Path) -> None:
    store = tmp_path / "models"
    store.mkdir()
    model_id = str(versions.champion_id(models))
    (store / model_id).symlink_to(models / model_id)
    with pytest.raises(ModelRefused, match="payrec models promote"):
        payrec.score(small, store, as_of=END)
    (store / "champion").write_bytes(b"{")
    assert not serving.goes_by_rule(store), "a damaged pointer named a model"
    with pytest.raises(ModelRefused, match="payrec models promote"):
        payrec.score(small, store, as_of=END)


def test_nothing_loaded_is_said_before_anything_is_ranked(duckdb_memory: Engine, tmp_path: Path) -> None:
    with pytest.raises(DataRefused, match="payrec load transactions"):
        payrec.score(duckdb_memory, tmp_path / "models")
