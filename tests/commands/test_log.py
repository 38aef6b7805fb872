from __future__ import annotations

from datetime import date, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest

import payrec
from payrec.cli import main
from payrec.common.errors import UsageError
from payrec.publish import actions
from payrec.publish.store import open_store

NOW = datetime.fromisoformat("2026-07-01T06:00:00")
ID = "11111111-1111-4111-8111-111111111111"


def test_the_command_line_records_what_its_function_records(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PAYREC_PUBLISHED_DIR", str(tmp_path / "published"))
    monkeypatch.setattr("payrec.cli.options.now", lambda: NOW)
    monkeypatch.setenv("USER", "the boss")
    words = ["log", "promised", "--customer", "c1", "--order", "o1", "--order", "o2", "--amount", "120", "--currency"]
    with pytest.raises(SystemExit) as ended:
        main([*words, "eur", "--until", "2026-07-03", "--at", "2026-06-30T10:00", "--note", "=1+1 <b>"])
    assert ended.value.code == 0
    shown = capsys.readouterr()
    assert "warning: no list is published yet" in shown.err
    (stored,) = actions.read(open_store(tmp_path / "published"))
    assert f"recorded: promised of customer c1, action {stored.action_id}" in shown.out
    assert (stored.order_ids, stored.amount, stored.currency) == (("o1", "o2"), Decimal(120), "EUR")
    assert (stored.until, stored.at, stored.recorded_at) == (date(2026, 7, 3), NOW - timedelta(hours=20), NOW)
    assert stored.note == "=1+1 <b>"
    assert stored.by != "the boss"


def test_undone_takes_back_the_last_action_once(tmp_path: Path) -> None:
    first = payrec.log("note", "c1", NOW, "kim", tmp_path, note="calls back")
    second = payrec.log("do_not_contact", "c1", NOW + timedelta(seconds=1), "kim", tmp_path)
    later = NOW + timedelta(minutes=1)
    assert payrec.log("undone", "c1", later, "lee", tmp_path).action.outcome == second.action.action_id
    assert payrec.log("undone", "c1", later, "lee", tmp_path).action.outcome == first.action.action_id
    again = payrec.log("undone", "c1", later, "kim", tmp_path, action=first.action.action_id)
    assert not again.is_new
    assert again.warnings == (f"action {first.action.action_id} was undone before, by lee: nothing changes",)
    with pytest.raises(UsageError, match="found no action of customer c1 to undo"):
        payrec.log("undone", "c1", later, "kim", tmp_path)
    with pytest.raises(UsageError, match="found no action 7 of customer c1 to undo"):
        payrec.log("undone", "c1", later, "kim", tmp_path, action="7")
    with pytest.raises(UsageError, match="of customer c2 to undo"):
        payrec.log("undone", "c2", later, "kim", tmp_path, action=first.action.action_id)
    assert actions.in_force(actions.read(open_store(tmp_path))) == ()


def test_a_customer_without_list_or_action_is_not_explained(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="found no published list"):
        payrec.explain_customer("c1", tmp_path)


def test_the_same_id_twice_is_one_action(tmp_path: Path) -> None:
    assert payrec.log("disputed", "c1", NOW, "kim", tmp_path, action_id=ID).is_new
    again = payrec.log("disputed", "c1", NOW, "kim", tmp_path, action_id=ID)
    assert (again.is_new, again.warnings[-1]) == (False, f"action {ID} was recorded before: nothing changes")
