"""Nights in a row: once, whole, and the same again changes nothing."""

from __future__ import annotations

import hashlib
import importlib
import json
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from payrec.commands.replay import replay
from payrec.common.errors import DatabaseUnreachable, DataRefused, Locked, ModelRefused, UsageError
from payrec.data import audit, promises
from payrec.data.engines import Engine
from payrec.monitor import alerts, webhook
from payrec.publish import ledger
from payrec.publish.database_store import DatabaseStore
from payrec.publish.folder_store import FolderStore
from payrec.publish.store import ListStore, open_store
from payrec.simulate import simulator
from payrec.worklist.policy import Policy
from tests.commands.conftest import DAY, FIRST_NIGHT, Site
from tests.commands.receiver import receiving

Payrec = Callable[..., int]
STORES = (FolderStore, DatabaseStore)
NIGHT = importlib.import_module("payrec.commands.run")


@contextmanager
def store_of(site: Site) -> Iterator[ListStore]:
    """The store in which a site publishes its lists, open for reading."""
    if site.published is not None:
        yield open_store(site.published)
    else:
        with site.open() as engine:
            yield open_store(engine)


def everything(site: Site) -> dict[str, Any]:
    """Return all that a run leaves behind: files with their content, rows of the tables, the ledger."""
    with site.open() as engine:
        found: dict[str, Any] = {"ledger": ledger.entries(engine)}
        for table in sorted(
            name for name in engine.tables() if name.startswith("payrec_") and name != "payrec_worklist"
        ):
            found[table] = engine.fingerprint(table)
    for path in sorted((site.folder / "published").rglob("*")):
        if path.is_file():
            found[str(path)] = (hashlib.sha256(path.read_bytes()).hexdigest(), path.stat().st_mtime_ns)
    return found


def served(site: Site) -> list[str]:
    """Ids of the published runs, each of which has its whole list."""
    with store_of(site) as store:
        known = store.runs()
        for one in known:
            assert store.scores(one.run.run_id).num_rows == one.orders
        return [one.run.run_id for one in known]


def how_it_ended(site: Site, run_id: str) -> list[str]:
    with site.open() as engine:
        return [entry.status for entry in ledger.entries(engine) if entry.what == "run" and entry.subject == run_id]


def test_three_nights_and_the_first_list_against_what_came_true(site: Site) -> None:
    reports = []
    for as_of in (FIRST_NIGHT, FIRST_NIGHT + DAY, FIRST_NIGHT + 2 * DAY):
        site.arrive(as_of)
        reports.append(site.night(as_of))
    ids = [report.published.run.run_id for report in reports]
    assert served(site) == ids[::-1]
    for report, at in zip(reports, range(3), strict=True):
        assert not report.already_done
        assert report.published.run.as_of == FIRST_NIGHT + at * DAY
        assert report.published.prioritised == 50
        assert set(report.ranked["as_of"].to_pylist()) == {FIRST_NIGHT + at * DAY}
        assert how_it_ended(site, report.published.run.run_id) == ["started", "done"]
        assert not any(v.figure.metric == "ece" for v in report.verdicts), "no outcome is known yet"

    later = FIRST_NIGHT + 31 * DAY  # one horizon after the first night and the second
    site.arrive(later)
    verdicts = site.night(later).verdicts
    matured = [v.figure for v in verdicts if v.figure.metric == "ece"]
    assert [n.subject for n in matured] == [FIRST_NIGHT.date().isoformat()], "one list a week is looked at again"
    rows = next(v.figure for v in verdicts if v.figure.metric == "matured_rows")
    assert rows.value == rows.reference == sum(p is not None for p in reports[0].ranked["p_recover_30d"].to_pylist())
    assert any(v.figure.metric == "money_outside" for v in verdicts)
    with store_of(site) as store:
        history = store.verdicts().to_pylist()
    assert {row["run_id"] for row in history} == {*ids, served(site)[0]}


def test_the_same_run_again_changes_nothing(site: Site) -> None:
    first = site.night()
    before = everything(site)
    again = site.night(now=FIRST_NIGHT + 0.8 * DAY)
    assert again.already_done
    assert again.published == first.published
    assert again.level == first.level
    assert site.night(now=FIRST_NIGHT + 5 * DAY).level == "alarm", "nothing new came for five days"
    assert len(again.verdicts) == len({(v.figure.metric, v.figure.subject) for v in first.verdicts})
    assert again.ranked.select(first.ranked.column_names).drop(
        ["run_id", "model_id", "scored_at"]
    ) == first.ranked.drop(["run_id", "model_id", "scored_at"])
    assert everything(site) == before


@pytest.mark.parametrize(
    ("where", "step"),
    [((audit,), "run"), ((NIGHT,), "score_layers"), (STORES, "commit"), ((NIGHT,), "watch"), (STORES, "add_verdicts")],
    ids=["check", "score", "publish", "judge", "monitor"],
)
def test_a_step_that_fails_leaves_a_whole_list_and_is_written_down(
    site: Site, monkeypatch: pytest.MonkeyPatch, where: tuple[Any, ...], step: str
) -> None:
    first = site.night().published.run.run_id
    as_of = FIRST_NIGHT + DAY
    site.arrive(as_of)

    def fails(*_: Any, **__: Any) -> None:
        raise DatabaseUnreachable("the server is gone: password=right-Horse")

    with monkeypatch.context() as patch:
        for owner in where:
            patch.setattr(owner, step, fails)
        with pytest.raises(DatabaseUnreachable):
            site.night(as_of)
    published = step in ("watch", "add_verdicts")  # the list is out; monitoring comes after it
    assert served(site)[-1] == first
    assert len(served(site)) == 1 + published
    with site.open() as engine:
        last = ledger.entries(engine)[-1]
    assert (last.what, last.status, last.detail) == ("run", "failed", "the server is gone: password=***")

    done = site.night(as_of)
    assert not done.already_done
    assert served(site) == [done.published.run.run_id, first]
    assert how_it_ended(site, done.published.run.run_id) == ["started", "failed", "started", "done"]
    assert done.verdicts
    assert site.night(as_of).already_done


def test_without_a_model_nothing_is_published_and_it_is_said(site: Site, tmp_path: Path) -> None:
    first = site.night().published.run.run_id
    with pytest.raises(ModelRefused, match="payrec train"):
        site.night(FIRST_NIGHT + DAY, models=tmp_path / "none")
    assert served(site) == [first]
    with site.open() as engine:
        last = ledger.entries(engine)[-1]
    assert (last.what, last.status) == ("build", "failed")


def test_nothing_open_is_said_and_not_replaced_by_something_else(
    site: Site, payrec: Payrec, capsys: pytest.CaptureFixture[str]
) -> None:
    assert payrec("run", "--as-of", "2024-06-29") == 1
    assert "nothing to score: no order is open" in capsys.readouterr().out
    with store_of(site) as store:
        current = store.current()
    assert current is not None
    assert current.orders == 0


def test_no_orders_at_all_are_refused(
    engine_url: str, tmp_path: Path, models: Path, portfolio: simulator.Portfolio
) -> None:
    with pytest.raises(DataRefused, match="found no orders"):
        Site(engine_url, tmp_path, models, portfolio).night()


def test_orders_older_than_the_model_are_listed_apart(site: Site) -> None:
    report = site.night()
    rows = report.ranked.to_pylist()
    old = [row for row in rows if row["age_days"] > 60]
    assert len(old) == report.too_old > 100
    for row in old:
        assert row["p_recover_30d"] is row["rank"] is None
        assert row["suppressed_reason"] is not None
    assert {"older_than_model"} <= {row["suppressed_reason"] for row in old}
    assert all(row["p_recover_30d"] is not None for row in rows if row["age_days"] <= 60)


CHILD = """
import os, sys
from datetime import datetime
from pathlib import Path
from payrec.publish import lock
with lock.held(sys.argv[1], Path(sys.argv[2]), lock.Holder(os.getpid(), "there", datetime(2026, 1, 31, 2))):
    print("held", flush=True)
    sys.stdin.readline()
"""


def _no_wait(pause_s: float, pause: Callable[[float], None] = time.sleep) -> None:
    if threading.current_thread() is threading.main_thread():
        pytest.fail("it waited")
    pause(pause_s)  # a thread of Spark's client, which looks now and then for what can be let go


def test_a_second_run_is_told_at_once_who_holds_the_lock(
    site: Site, payrec: Payrec, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    before = everything(site)
    arguments = [sys.executable, "-c", CHILD, site.url, str(site.folder)]
    with subprocess.Popen(arguments, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == "held\n"
        with monkeypatch.context() as patch:  # at once: before the database is opened, and without a wait
            patch.setattr(NIGHT, "connect", lambda _: pytest.fail("the database was opened"))
            patch.setattr("time.sleep", _no_wait)
            assert payrec("run") == 5
            with pytest.raises(Locked):
                site.night()
        child.kill()
    assert f"process {child.pid} on there, since 2026-01-31 02:00:00 UTC" in capsys.readouterr().err
    assert everything(site) == before
    assert not site.night(wait_s=30).already_done


def test_an_alarm_ends_with_1_and_is_told_once_without_secrets(
    site: Site, payrec: Payrec, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (site.folder / "policy.toml").write_text("[monitor]\nstale_days = -1.0\n")
    monkeypatch.setenv("PAYREC_DB_PASS", "planted-Secret")
    with receiving() as receiver:
        monkeypatch.setenv("PAYREC_ALERTS", receiver.url)
        assert payrec("run", "--policy", str(site.folder / "policy.toml"), "--json") == 1
        assert payrec("run", "--policy", str(site.folder / "policy.toml")) == 1, "done already, and it ended so"
    (message,) = receiver.got
    assert message["text"].startswith("*payrec: 1 alarms in run ")
    shown = capsys.readouterr()
    assert json.loads(shown.out[: shown.out.rindex("}") + 1])["alerts"][0]["delivered"]
    with site.open() as engine:
        written = [entry.detail for entry in ledger.entries(engine)]
    for secret in ("planted-Secret", "t0ken", "right-Horse"):
        assert secret not in f"{message}{shown.out}{shown.err}{written}"
    assert len(served(site)) == 1


def test_an_alert_that_nobody_takes_does_not_fail_the_run(
    site: Site, payrec: Payrec, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PAYREC_ALERTS", "http://127.0.0.1:1/t0ken")
    monkeypatch.setattr(webhook, "post", lambda *_: ("nobody answers", False))
    (site.folder / "policy.toml").write_text("[monitor]\nstale_days = -1.0\n")
    assert payrec("run", "--policy", str(site.folder / "policy.toml")) == 1
    (run_id,) = served(site)
    with site.open() as engine:
        last = ledger.entries(engine)[-1]
    assert (last.subject, last.status) == (run_id, "done")
    assert "was not delivered" in last.detail
    assert "nobody answers" in last.detail


def test_a_database_that_is_gone_is_told_too(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    def gone(_: str) -> Engine:
        raise DatabaseUnreachable("cannot connect")

    monkeypatch.setattr(NIGHT, "connect", gone)
    with receiving() as receiver, pytest.raises(DatabaseUnreachable):
        site.night(alert_to=alerts.targets(receiver.url))
    assert [message["text"] for message in receiver.got] == ["*payrec: the run failed at start*\ncannot connect"]


def test_what_makes_a_list_wrong_stops_a_run(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    first = site.night().published.run.run_id
    as_of = FIRST_NIGHT + DAY
    with pytest.raises(DataRefused, match="have an invoice_date after the present"):
        site.night(now=FIRST_NIGHT - 30 * DAY, policy=Policy(), trust_clock=True)
    broken = promises.Check("one_row", "one row per order and as_of", 2, "order_id=o1")
    monkeypatch.setattr(promises, "check", lambda _: (broken,))
    with pytest.raises(DataRefused, match="2 rows break a promise"):
        site.night(as_of)
    assert served(site) == [first]


def test_too_few_rows_to_train_do_not_stop_a_run(engine_url: str, tmp_path: Path, models: Path) -> None:
    few = Site(engine_url, tmp_path, models, simulator.portfolio(40, 3))
    few.arrive(FIRST_NIGHT)
    report = few.night()
    with few.open() as engine:
        codes = {finding.code for finding in audit.run(engine, FIRST_NIGHT).refusals}
    assert codes, "training would be refused"
    assert report.published.orders == report.ranked.num_rows


def test_a_time_that_has_not_come_is_refused(site: Site) -> None:
    now = FIRST_NIGHT
    with pytest.raises(UsageError, match="set the clock of this machine right"):
        site.night(now + timedelta(days=2), now=now)
    assert served(site) == []


@pytest.mark.parametrize("jump", [-8 * DAY, 500 * DAY])
def test_a_clock_that_jumped_publishes_and_deletes_nothing(site: Site, jump: timedelta) -> None:
    at = FIRST_NIGHT + 9 * DAY
    site.night(now=at)
    before = served(site)
    site.arrive(FIRST_NIGHT + DAY)
    with pytest.raises(UsageError, match=r"the last run was at 2026.*\n.*--trust-clock"):
        site.night(FIRST_NIGHT + DAY, now=at + jump, retention_days=1)
    assert served(site) == before
    done = site.night(FIRST_NIGHT + DAY, now=at + jump, trust_clock=True)
    assert served(site)[0] == done.published.run.run_id


def test_the_list_published_last_is_served_whatever_the_clock_says(site: Site) -> None:
    first = site.night(now=FIRST_NIGHT + 9 * DAY).published.run.run_id
    site.arrive(FIRST_NIGHT + DAY)
    late = site.night(FIRST_NIGHT + DAY, now=FIRST_NIGHT + DAY, trust_clock=True)  # eight days back
    second = late.published.run.run_id
    assert served(site) == [second, first]
    with site.open() as engine:
        order = [entry.subject for entry in ledger.entries(engine) if entry.what == "run" and entry.status == "done"]
    assert order == [first, second]


def test_codes_without_a_meaning_are_shown_with_counts(
    site: Site, payrec: Payrec, capsys: pytest.CaptureFixture[str]
) -> None:
    with site.open() as engine:
        engine.run("UPDATE raw_events SET reason_code = 'gremlins' WHERE reason_code = 'insufficient_funds'")
    assert payrec("run", "--json") in (0, 1)
    (found,) = _codes(json.loads(capsys.readouterr().out)["unmapped_reason_codes"])
    with store_of(site) as store:
        rows = store.scores(served(site)[0]).to_pylist()
    assert found == ("gremlins", sum(row["reason_code"] == "gremlins" for row in rows))
    assert payrec("monitor", "--json") in (0, 1)
    assert _codes(json.loads(capsys.readouterr().out)["unmapped_reason_codes"]) == [found]
    assert payrec("monitor") in (0, 1)
    shown = capsys.readouterr().out
    assert "reason code without a meaning" in shown
    assert "gremlins" in shown


def _codes(rows: list[dict[str, Any]]) -> list[tuple[str, int]]:
    counts: dict[str, int] = {}
    for row in rows:
        counts[row["reason_code"]] = counts.get(row["reason_code"], 0) + row["rows"]
    return list(counts.items())


def test_a_list_made_again_is_the_same(site: Site) -> None:
    report = site.night()
    for as_of in (FIRST_NIGHT + DAY, FIRST_NIGHT + 2 * DAY):
        site.arrive(as_of)
        site.night(as_of)
    with store_of(site) as store:
        found = replay(report.published.run.run_id, store, site.models)
    assert found.equal
    assert found.rows == report.published.orders > 100
