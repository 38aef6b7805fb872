"""The Python API: the words of the command line, complete, documented, and working from made files to a worklist."""

from __future__ import annotations

import doctest
import importlib
import re
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

import payrec
from payrec.cli import VERBS, main
from payrec.cli.data import FileKind
from payrec.cli.models import models_app
from payrec.data import feature_file
from payrec.model.recipes import level as levels
from payrec.publish.folder_store import FolderStore

ROOT = Path(__file__).resolve().parent.parent
MANUAL = (ROOT / "docs" / "python.md").read_text(encoding="utf-8")
SERVED_ONLY = {"app"}  # a server, not a function
NOW = datetime.fromisoformat("2026-07-01T06:00:00")
MODULES = (
    "simulate", "build", "check", "features", "sql", "train", "backtest", "report", "models", "score", "explain", "run",
    "worklist", "forecast", "monitor", "log",
)  # fmt: skip


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Any]]:
    """Three thousand made orders in memory and in a file, a champion that learnt from them, and names for examples."""
    folder = tmp_path_factory.mktemp("api")
    payrec.simulate(orders=3_000, seed=1, out=folder)
    url = f"duckdb:///{folder / 'payrec.duckdb'}"
    with payrec.connect(url) as file:
        fill(file, folder)
    with payrec.connect("duckdb://") as engine:
        fill(engine, folder)
        built = payrec.build(engine)
        rows = payrec.features(engine, built.as_of[-1], folder / "open_orders.csv")
        trained = payrec.train(engine, folder / "models", recipe="logistic")
        if not trained.is_champion:
            payrec.models.promote(trained.model_id, folder / "models")
        yield {
            "payrec": payrec, "engine": engine, "folder": folder, "models": folder / "models", "trained": trained,
            "order_id": rows.filter(pc.field("age_days") >= 0).sort_by("age_days")["order_id"][0].as_py(), "url": url,
            "now": NOW, "published": folder / "published",
        }  # fmt: skip


def fill(engine: payrec.Engine, folder: Path) -> None:
    payrec.load.transactions(engine, folder / "transactions.csv")
    payrec.load.events(engine, folder / "events.csv")
    payrec.load.fx(engine, folder / "fx.csv", reporting_currency="EUR")


def test_every_public_name_is_there_and_documented() -> None:
    for name in payrec.__all__:
        assert getattr(payrec, name).__doc__, name
        assert f"`payrec.{name}" in MANUAL, name
    assert payrec.__all__ == sorted(payrec.__all__)
    assert set(payrec.__all__) <= set(dir(payrec))


def test_every_verb_of_the_command_line_is_a_word_of_the_api() -> None:
    verbs = {verb.__name__ for verb in VERBS} - SERVED_ONLY
    assert verbs <= set(payrec.__all__)
    assert {str(command.name) for command in models_app.registered_commands} == set(payrec.models.__all__)
    assert {kind.value for kind in FileKind} <= set(payrec.load.__all__)


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'prophecy'"):
        payrec.prophecy  # noqa: B018


def test_the_map_names_no_room_that_is_not_there() -> None:
    rooms = re.search(r"``(cli \| app .*?)``", str(payrec.__doc__), re.DOTALL)
    assert rooms is not None
    for room in re.findall(r"\w+", rooms[1]):
        assert importlib.util.find_spec(f"payrec.{room}"), room


def examples(module: str) -> list[doctest.DocTest]:
    return [t for t in doctest.DocTestFinder().find(importlib.import_module(f"payrec.commands.{module}")) if t.examples]


def run_examples(test: doctest.DocTest, names: dict[str, Any]) -> None:
    test.globs.update(names)
    said: list[str] = []
    doctest.DocTestRunner(optionflags=doctest.ELLIPSIS).run(test, out=said.append)
    assert not said, "".join(said)


def test_the_examples_of_every_function_run(world: dict[str, Any]) -> None:
    """In the order of the way: a list must have been published before it can be watched."""
    order = {
        name: at for at, name in enumerate(("run", "log", "worklist", "monitor", "score", "score_file", "explain"))
    }
    for module in MODULES:
        for test in sorted(examples(module), key=lambda t: order.get(t.name.rsplit(".", 1)[-1], 99)):
            if "load" not in test.name:
                run_examples(test, world)


def test_a_run_follows_the_level_is_replayed_with_it_and_its_forecast_adds_up(world: dict[str, Any]) -> None:
    places = {"models": world["models"], "published": world["published"]}
    with mock.patch.object(levels, "FEWEST_EXPECTED", 1.0):  # so few payments are followed as well
        done = payrec.run(world["url"], world["now"], **places, lock_folder=world["folder"], capacity=21)
        level = done.published.run.summary.level
        assert payrec.replay(done.published.run.run_id, world["published"], world["models"]).equal
    assert level is not None
    assert level.state.expected > 0
    assert level.state.shift != 0
    assert len(level.payments.observed) == 30
    forecast = payrec.forecast(**places)
    assert len(forecast.table) == 13 * len(forecast.totals)
    for currency, total in forecast.totals.items():
        weeks = [week.money for week in forecast.weeks if week.currency == currency]
        assert sum(week.expected for week in weeks) == pytest.approx(total.expected)
        assert all(week.low_95 <= week.low_80 <= week.high_80 <= week.high_95 for week in weeks if week.expected)
    stored = FolderStore(Path(world["published"])).forecasts()
    of_run = stored.filter(pc.equal(stored["run_id"], done.published.run.run_id)).select(forecast.table.column_names)
    assert of_run.to_pylist() == forecast.table.to_pylist()
    listed = payrec.worklist(world["published"], out=world["folder"] / "listed.parquet")
    for currency, of in listed.summary()["value"].items():
        assert of["interval"]["low_95"] <= of["expected"] <= of["interval"]["high_95"]
        assert f"these bring {currency} {of['interval']['low_95']:,.0f} to" in " ".join(listed.expected)
    kept = pq.read_schema(world["folder"] / "listed.parquet").metadata
    assert kept[b"payrec.expected"].decode() == "; ".join(listed.expected)
    rows = done.ranked.filter(pc.is_valid(done.ranked["p_90d"])).to_pandas()
    path = rows[["p_7d", "p_14d", "p_recover_30d", "p_60d", "p_90d"]].to_numpy()
    assert len(path)
    assert (np.diff(path, axis=1) >= -2e-9).all()


def test_the_examples_of_loading_run(world: dict[str, Any]) -> None:
    with payrec.connect("duckdb://") as fresh:
        for test in examples("load"):
            run_examples(test, world | {"engine": fresh})


def test_the_code_of_the_manual_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    names: dict[str, Any] = {}
    for block in re.findall(r"```python\n(.*?)```", MANUAL, re.DOTALL):
        exec(compile(block, "docs/python.md", "exec"), names)
    assert (tmp_path / "today.xlsx").exists()


def test_times_and_files_that_are_not_there_are_refused(world: dict[str, Any], tmp_path: Path) -> None:
    with payrec.connect("duckdb://") as empty, pytest.raises(payrec.common.errors.UsageError, match="no feature view"):
        payrec.features(empty)
    with pytest.raises(payrec.common.errors.UsageError, match="expected a time that was built for: 2026"):
        payrec.features(world["engine"], datetime.fromisoformat("2020-01-01"))
    with pytest.raises(payrec.common.errors.UsageError, match=r"\.csv or \.parquet"):
        payrec.features(world["engine"], None, tmp_path / "rows.xlsx")
    with pytest.raises(payrec.common.errors.UsageError, match="expected one of logistic"):
        payrec.train(world["engine"], tmp_path, recipe="forest")
    with pytest.raises(payrec.common.errors.UsageError, match="no SQL file"):
        payrec.sql("nothing")
    with pytest.raises(payrec.common.errors.UsageError, match="no published list"):
        payrec.worklist(tmp_path / "nowhere")


def test_the_sample_feature_view_is_what_its_commands_make(tmp_path: Path) -> None:
    data, page = ROOT / "data", (ROOT / "data" / "README.md").read_text(encoding="utf-8")
    commands = re.findall(r"^payrec (.*build/sample.duckdb)$", page, re.MULTILINE)
    assert [command.split()[0] for command in commands] == ["load", "load", "build"]
    for command in commands:
        moved = command.replace("data/sample_feature_view", f"{tmp_path}/sample_feature_view")
        moved = moved.replace("duckdb:///build", f"duckdb:///{tmp_path}").replace(" data/", f" {data}/")
        with pytest.raises(SystemExit) as ended:
            main([*moved.split(), "--json"])
        assert ended.value.code == 0
    sample = data / "sample_feature_view.csv"
    assert sample.read_bytes() == (tmp_path / sample.name).read_bytes()
    assert sample.stat().st_size < 300_000
    assert feature_file.read(sample, None).num_rows > 100
