"""A past list is made again from what was kept with it, whatever became of everything else."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from payrec.commands.replay import replay
from payrec.common.errors import DataRefused, UsageError
from payrec.publish import database_store, folder_store
from payrec.worklist import policy
from tests.commands.conftest import DAY, FIRST_NIGHT, Site
from tests.commands.test_night import store_of

POLICY = """
action = "retry"
[capacity]
total = 20
[reason_codes]
file = "codes.csv"
[[cap]]
of = "attempt"
per = "customer"
count = 1
window_days = 30
"""
CODES = "scheme,code,category,decline,action,meaning\n*,insufficient_funds,unknown,hard,contact,ours\n"


@pytest.fixture
def run_id(site: Site) -> str:
    """A run by a policy with a cap and codes of its own, both of which are gone afterwards, and so are the raw data."""
    own = site.folder / "policy"
    own.mkdir()
    (own / "policy.toml").write_text(POLICY)
    (own / "codes.csv").write_text(CODES)
    report = site.night(policy=policy.read(own / "policy.toml"))
    reasons = set(report.ranked["suppressed_reason"].to_pylist())
    assert reasons & {"contact_cap", "hard_decline"}, reasons
    shutil.rmtree(own)
    with site.open() as engine:
        engine.run("DELETE FROM raw_events; UPDATE raw_transactions SET amount = amount * 2")
    return report.published.run.run_id


def replayed(site: Site, run_id: str) -> Any:
    with store_of(site) as store:
        return replay(run_id, store, site.models)


def tampered(site: Site, run_id: str) -> None:
    """Double the expected value of one published row."""
    if site.published is None:
        with site.open() as engine:
            engine.run("UPDATE payrec_scores SET ev_recovered = ev_recovered * 2 WHERE rank = 1")
        return
    path = site.published / "runs" / run_id / "scores.parquet"
    rows = pq.read_table(path, partitioning=None)
    values = rows["ev_recovered"].to_pylist()
    values[0] *= 2
    at = rows.column_names.index("ev_recovered")
    pq.write_table(rows.set_column(at, "ev_recovered", pa.array(values, rows["ev_recovered"].type)), path)


def test_the_same_rows_come_out_though_the_inputs_are_gone(
    site: Site, run_id: str, payrec: Callable[..., int], capsys: pytest.CaptureFixture[str]
) -> None:
    assert payrec("run", "--replay", run_id, "--json") == 0
    told = json.loads(capsys.readouterr().out)
    assert told["equal"]
    assert told["rows"] == told["published"] > 100
    assert payrec("run", "--replay", run_id, "--capacity", "3") == 2
    assert payrec("run", "--replay", "none") == 2
    assert run_id in capsys.readouterr().err, "the runs that there are"


def test_a_list_that_was_changed_is_found(
    site: Site, run_id: str, payrec: Callable[..., int], capsys: pytest.CaptureFixture[str]
) -> None:
    tampered(site, run_id)
    assert payrec("run", "--replay", run_id) == 1
    assert "ev_recovered differs in 1 of" in capsys.readouterr().out
    assert replayed(site, run_id).differs == {"ev_recovered": 1}


def test_what_is_no_longer_kept_is_said(site: Site, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(folder_store, "KEPT_RUNS", 1)
    monkeypatch.setattr(database_store, "KEPT_RUNS", 1)
    first = site.night().published.run.run_id
    site.arrive(FIRST_NIGHT + DAY)
    second = site.night(FIRST_NIGHT + DAY).published.run.run_id
    with pytest.raises(UsageError, match=f"no longer kept\nkept are those of: {second}"):
        replayed(site, first)
    assert replayed(site, second).equal
    with pytest.raises(UsageError, match=f"the model of run {second} is gone"):
        replayed(replace(site, models=tmp_path / "none"), second)


def test_a_policy_that_is_not_the_one_of_the_run_is_refused(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    first = site.night().published.run.run_id
    monkeypatch.setattr(policy, "fingerprint", lambda _: "another")
    with pytest.raises(DataRefused, match="not the one it was made by"):
        replayed(site, first)


def test_an_empty_list_is_made_again_too(site: Site) -> None:
    report = site.night(FIRST_NIGHT - 690 * DAY, now=FIRST_NIGHT)
    assert report.published.orders == 0
    found = replayed(site, report.published.run.run_id)
    assert found.equal
    with store_of(site) as store:
        assert store.detail(report.published.run.run_id, "features") is None or site.published is None
