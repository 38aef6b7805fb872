"""The way of the data on a Spark cluster: trained, listed, published in its catalog, read by the app; as on DuckDB."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from payrec import cli
from payrec.app import list_source
from payrec.commands import holdout
from payrec.commands.train import train
from payrec.common.settings import Settings
from payrec.publish import experiments, ledger
from payrec.publish.database_store import DatabaseStore
from payrec.publish.details import CUSTOMERS
from payrec.publish.folder_store import FolderStore
from payrec.simulate import simulator
from tests.commands.conftest import FIRST_NIGHT, Site

OWN = ["model_id", "run_id", "scored_at"]


@pytest.fixture
def sites(
    duckdb_url: str, spark_url: str, tmp_path: Path, models: Path, portfolio: simulator.Portfolio
) -> tuple[Site, Site]:
    """The same installation on DuckDB and on Spark, with what was known at the first night."""
    both = Site(duckdb_url, tmp_path / "d", models, portfolio), Site(spark_url, tmp_path / "s", models, portfolio)
    for site in both:
        site.folder.mkdir()
        site.arrive(FIRST_NIGHT)
    return both


def test_a_night_is_that_of_duckdb_and_every_command_works_on_it(
    sites: tuple[Site, Site], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    duckdb, spark = sites
    for name, value in spark.environment().items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr("payrec.cli.options.now", lambda: FIRST_NIGHT + timedelta(hours=3))

    def payrec(*arguments: str) -> dict[str, Any]:
        with pytest.raises(SystemExit) as ended:
            cli.main([*arguments, "--json"])
        assert ended.value.code in (0, 1), capsys.readouterr().err
        printed: dict[str, Any] = json.loads(capsys.readouterr().out)
        return printed

    for site in sites:
        with site.open() as engine:
            holdout.start(engine, FIRST_NIGHT, share=0.3, name="e1", without_check=True)
    expected, report = duckdb.night(), spark.night()
    assert report.ranked.drop(OWN) == expected.ranked.drop(OWN)
    assert [(v.figure.metric, v.level) for v in report.verdicts] == [
        (v.figure.metric, v.level) for v in expected.verdicts
    ]
    assert spark.night(now=FIRST_NIGHT + timedelta(hours=9)).already_done
    arms = []
    for site in sites:
        with site.open() as engine:
            drawn = experiments.assignments(engine, "e1")
            arms.append([rows.drop([n for n in ("run_id", "assigned_at") if n in rows.schema.names]) for rows in drawn])
    assert arms[0] == arms[1]
    assert set(arms[0][0]["arm"].to_pylist()) == {"contact", "hold"}
    run_id = report.published.run.run_id
    with spark.open() as engine:
        store, files = DatabaseStore(engine), FolderStore(duckdb.folder / "published")
        (one,), (other,) = store.runs(), files.runs()
        assert (one.orders, one.prioritised) == (other.orders, other.prioritised)
        listed, theirs = store.detail(run_id, CUSTOMERS), files.detail(other.run.run_id, CUSTOMERS)
        assert isinstance(listed, pa.Table)
        assert isinstance(theirs, pa.Table)
        own = [name for name in OWN if name in listed.schema.names]
        assert listed.drop(own) == theirs.drop(own)
        served = engine.read("SELECT order_id FROM payrec_worklist WHERE rank = 1").to_pylist()
        assert [entry.status for entry in ledger.entries(engine, "what = 'run'")] == ["started", "done"]

    assert payrec("worklist", "--out", str(tmp_path / "list.csv"))
    first = served[0]["order_id"]
    assert payrec("explain", first)["order_id"] == first
    assert payrec("monitor")["run_id"] == run_id
    customer = str(report.ranked.to_pylist()[0]["customer_id"])
    assert payrec("log", "note", "--customer", customer, "--note", "called back")

    source = list_source.configured(Settings())
    seen = list_source.look(source)
    assert seen.current is not None
    assert seen.current.run.run_id == run_id
    copied = FolderStore(source.folder).scores(run_id)
    assert copied.drop(OWN) == report.ranked.select(copied.schema.names).drop(OWN)
    models = []
    for site in sites:
        own_models = tmp_path / site.folder.name
        with site.open() as engine:
            trained = train(engine, own_models, "logistic", now=FIRST_NIGHT, max_rows=100_000)
        models.append(json.loads((own_models / trained.model_id / "model.json").read_text()))
        del models[-1]["card"]["inputs_sha256"]  # each engine has a hash of its own
    assert models[0] == models[1]
    (noted,) = list_source.actions_since(source, FIRST_NIGHT)
    assert (noted.customer_id, noted.note) == (customer, "called back")
