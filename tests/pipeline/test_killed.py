"""kill -9 at every step of run, load and train: what stands is the old or the new, whole; the next run ends right."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pyarrow.compute as pc
import pytest
from pyarrow import csv

from payrec import pipeline
from payrec.data import simulate
from payrec.data.engines import connect
from payrec.settings import Settings
from tests.pipeline.conftest import DAY, FIRST_NIGHT, Site, arrive, quiet

HERE = Path(__file__).parent
# on Spark each kill starts Java four times: so there is one, of a load, at a commit
ON_SPARK = (1, ["commit"])


def killed(
    site: Site, request: pytest.FixtureRequest, command: list[str], most: int, now: datetime = FIRST_NIGHT + DAY * 1.2
) -> list[Any]:
    """Have a command killed at up to ``most`` of its steps; return what the harness saw."""
    most, of = ON_SPARK if site.url.startswith("spark") else (most, [])
    scratch = site.folder.parent / f"{site.folder.name}-killed"
    scratch.mkdir()
    on_server = site.url.startswith("postgresql")
    told = {
        "command": command,
        "base": str(site.folder),
        "url": site.url,
        "scratch": str(scratch),
        "template": site.url.rpartition("/")[2] if on_server else None,
        "admin": request.getfixturevalue("postgres_admin") if on_server else None,
        "now": now.isoformat(),
        "most": most,
        "of": of,
    }
    done = subprocess.run(
        [sys.executable, str(HERE / "killed.py"), json.dumps(told)],
        capture_output=True, text=True, check=False, timeout=1_800,
        env={k: v for k, v in os.environ.items() if not k.startswith("PAYREC_")}
        | {"PYTHONPATH": str(HERE.parent), "OMP_NUM_THREADS": "1"},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    assert "Traceback" not in done.stderr, done.stderr[-3000:]
    first, *seen = [json.loads(line) for line in done.stdout.splitlines()]
    assert len(seen) >= min(most, first["steps"]) // 2
    for one in seen:
        assert one["signal"] == 9, one
        assert one["again"] == 0, one
        assert one["then"]["aside"] == [], "what was written aside is taken away by the next run"
    return [first, *seen]


@pytest.fixture
def small(engine_url: str, tmp_path: Path, models: Path) -> Site:
    """A small installation after its first night, on the evening before the second; its store is its own."""
    folder = tmp_path / "site"
    folder.mkdir()
    url = engine_url
    if url.startswith("duckdb"):
        shutil.move(tmp_path / "payrec.duckdb", folder / "payrec.duckdb")
        url = f"duckdb:///{folder / 'payrec.duckdb'}"
    if url.startswith("spark"):
        shutil.move(tmp_path / "warehouse", folder / "warehouse")
        url = url.replace(quote(str(tmp_path), safe=""), quote(str(folder), safe=""))
    shutil.copytree(models, folder / "models")
    site = Site(url, folder, folder / "models", simulate.portfolio(500, 2))
    site.arrive(FIRST_NIGHT)
    site.night()
    site.arrive(FIRST_NIGHT + DAY)
    return site


def test_a_run_killed_at_any_step(small: Site, request: pytest.FixtureRequest) -> None:
    most = 16 if small.url.startswith("duckdb") else 10
    first, *seen = killed(small, request, ["run", "--as-of", str(FIRST_NIGHT + DAY)], most)
    old, new = first["before"]["served"], first["after"]["served"]
    assert len(old) == 1
    assert new[1:] == old
    assert {one["step"] for one in seen} >= {"commit", "inside"}
    assert {len(one["left"]["served"]) for one in seen} == {1, 2}, "some die before the list is out, some after"
    for one in seen:
        assert one["left"]["served"] in (old, new), one
        assert one["left"]["lists"] == (first["before"] if one["left"]["served"] == old else first["after"])["lists"], (
            one
        )
        for name in ("served", "lists", "raw", "models", "champion", "ended"):
            assert one["then"][name] == first["after"][name], (one["step"], name)


@pytest.mark.spark
def test_a_load_killed_at_any_step(small: Site, request: pytest.FixtureRequest) -> None:
    rows = simulate.portfolio(500, 5).transactions
    rows = rows.set_column(0, "order_id", pc.binary_join_element_wise("n", rows["order_id"], ""))
    csv.write_csv(rows, small.folder / "new.csv")
    first, *seen = killed(
        small, request, ["load", "transactions", str(small.folder / "new.csv")], 8, FIRST_NIGHT + 99 * DAY
    )
    assert first["before"]["raw"] != first["after"]["raw"]
    for one in seen:
        assert one["left"]["raw"] in (first["before"]["raw"], first["after"]["raw"]), one
        assert one["left"]["lists"] == first["before"]["lists"], "a load does not touch what is served"
        assert one["then"]["raw"] == first["after"]["raw"], "nothing is lost, nothing is doubled"


def test_a_training_killed_at_any_step(small: Site, request: pytest.FixtureRequest, portfolio: Any) -> None:
    """Orders enough to learn from; the layers stand already, so that the steps are those of training."""
    with connect(small.url) as engine:
        engine.run("DELETE FROM raw_transactions; DELETE FROM raw_events")
        later = FIRST_NIGHT + 20 * DAY
        arrive(engine, portfolio, later)
        pipeline.check(engine, pipeline.parameters(Settings()), later, quiet)
    first, *seen = killed(small, request, ["train", "--recipe", "original"], 6, later)
    assert first["before"]["champion"] is not None
    assert first["after"]["champion"] not in (None, first["before"]["champion"])
    for one in seen:
        assert one["left"]["champion"] in (first["before"]["champion"], first["after"]["champion"]), one
        assert set(one["left"]["models"]) <= set(first["after"]["models"]), "never half a model"
        for name in ("champion", "models"):
            assert one["then"][name] == first["after"][name], (one["step"], name)
