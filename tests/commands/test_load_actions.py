"""The worklist as a sheet that people fill in, and read back."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import openpyxl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import payrec
from payrec.cli import main
from payrec.common.errors import DataRefused
from payrec.publish import actions
from payrec.publish.store import open_store
from tests.commands.test_work_lists import AS_OF, publish

Make = Callable[..., pa.Table]
NOW = AS_OF + timedelta(hours=9)
HEAD = ["customer", "invoices", "amount", "currency", "why", "action", "owner", "done", "when", "note", "until"]


@pytest.fixture
def lists(tmp_path: Path, open_orders: Make) -> Path:
    rows = open_orders(
        {"order_id": "o1", "customer_id": "=1+1", "outstanding_minor": 12_050},
        {"order_id": "o2", "customer_id": "bob", "outstanding_minor": 9_000},
        {"order_id": "o3", "customer_id": "bob", "outstanding_minor": 1_000},
        {"order_id": "o4", "customer_id": "cat", "is_opted_out": 1},
    )
    contacts = pa.table({
        "customer_id": ["bob"], "name": ["Bob Ltd"], "email": ["ap@bob.example"], "phone": ["1"],
        "language": ["en"], "time_zone": pa.array([None], pa.string()), "segment": ["SMB"], "owner": ["kim"],
    })  # fmt: skip
    publish(open_store(tmp_path / "published"), rows, contacts=contacts, most=10)
    return tmp_path / "published"


def sheet(path: Path) -> list[dict[str, Any]]:
    rows = openpyxl.load_workbook(path).worksheets[0].iter_rows(values_only=True)
    head = next(rows)
    return [dict(zip(head, row, strict=True)) for row in rows]


def filled(path: Path, **by_customer: dict[str, Any]) -> None:
    book = openpyxl.load_workbook(path)
    first = book.worksheets[0]
    head = [cell.value for cell in first[1]]
    for row in first.iter_rows(min_row=2):
        for name, value in by_customer.get(str(row[0].value), {}).items():
            row[head.index(name)].value = value
    book.save(path)


def test_the_sheet_goes_out_and_comes_back_once(lists: Path, tmp_path: Path, open_orders: Make) -> None:
    out = tmp_path / "today.xlsx"
    payrec.worklist(lists, out=out, by="customer")
    book = openpyxl.load_workbook(out)
    assert book.sheetnames == ["to do", "worklist", "about"]
    rows = sheet(out)
    assert list(rows[0])[: len(HEAD)] == HEAD
    assert [(row["customer"], row["amount"], row["done"]) for row in rows] == [
        ("=1+1", 120.5, None),
        ("bob", 100, None),
    ]
    assert rows[1]["invoices"].startswith("o2 90.00 EUR due")
    assert book["worklist"].max_row == 3
    filled(
        out,
        **{"=1+1": {"done": "promised", "until": date(2026, 2, 3), "note": "-2+3 <script>"}},
        bob={"done": "Left message", "when": datetime(2026, 1, 31, 8, 30), "note": "<b>\n10 MB"},
    )
    loaded = payrec.load.actions(out, NOW, "kim", lists)
    assert (loaded.recorded, loaded.before, loaded.refused) == (2, 0, ())
    again = payrec.load.actions(out, NOW + timedelta(hours=1), "lee", lists)
    assert (again.recorded, again.before, again.of_other_lists) == (0, 2, 0)
    publish(open_store(lists), open_orders({"customer_id": "bob"}), days=1)
    older = payrec.load.actions(out, NOW, "kim", lists)
    assert older.lines()[1] == "2 rows are of another list than the served one: they are recorded all the same"
    filled(out, bob={"note": "=HYPERLINK(1)"})
    with pytest.raises(DataRefused, match="the column 'note' has a formula in row 3"):
        payrec.load.actions(out, NOW, "kim", lists)
    promise, call = sorted(actions.read(open_store(lists)), key=lambda one: one.customer_id)
    assert (promise.customer_id, promise.kind, promise.amount, promise.until) == (
        "=1+1", "promised", Decimal("120.5"), date(2026, 2, 3),
    )  # fmt: skip
    assert (call.kind, call.outcome, call.at, call.by) == (
        "contacted",
        "left_message",
        datetime(2026, 1, 31, 8, 30),
        "kim",
    )


@pytest.mark.parametrize("delimiter", [",", ";"])
def test_every_bad_row_is_refused_by_its_line_and_the_others_are_recorded(
    lists: Path, tmp_path: Path, delimiter: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = [
        ("customer", "done", "when", "note", "until", "promised", "currency", "by"),
        ("bob", "spoke", "", "", "", "", "", "the boss"),
        ("bob", "sang", "", "", "", "", "", ""),
        ("bob", "spoke", "tomorrow", "", "", "", "", ""),
        ("bob", "spoke", "2027-01-01", "", "", "", "", ""),
        ("", "spoke", "", "", "", "", "", ""),
        ("bob", "promised", "", "", "2026-02-03", "many", "EUR", ""),
        ("bob", "promised", "", "", "", "5", "EUR", ""),
        ("bob", "", "", "x" * 1_001, "", "", "", ""),
        ("bob", "", "", "", "", "", "", ""),
        ("'=1+1", "snoozed", "", "", "2026-02-10", "", "", ""),
    ]
    file = tmp_path / "done.csv"
    file.write_text("\n".join(delimiter.join(row) for row in rows))
    monkeypatch.setenv("PAYREC_PUBLISHED_DIR", str(lists))
    monkeypatch.setattr("payrec.cli.options.now", lambda: NOW)
    with pytest.raises(SystemExit) as ended:
        main(["load", "actions", str(file), "--json"])
    assert ended.value.code == DataRefused.exit_code
    document = json.loads(capsys.readouterr().out)
    reasons = dict(document["refused"])
    assert (document["recorded"], sorted(reasons)) == (2, [3, 4, 5, 6, 7, 8, 9])
    for line, words in enumerate(
        ("found done 'sang', expected", "found when 'tomorrow'", "expected a time up to now", "without customer_id",
         "found promised 'many'", "found promised without until", "found a note of 1,001 characters"), 3,
    ):  # fmt: skip
        assert words in reasons[line]
    stored = {one.customer_id: one for one in actions.read(open_store(lists))}
    assert set(stored) == {"bob", "=1+1"}
    assert stored["bob"].by != "the boss"


def test_names_are_in_a_file_only_if_wanted_and_rows_of_an_owner_alone(lists: Path, tmp_path: Path) -> None:
    for name, arguments in {
        "list.csv": {"by": "customer"}, "orders.csv": {"by": "order"}, "mail.csv": {"tool": "mail-merge"},
        "desk.csv": {"tool": "zendesk"}, "list.xlsx": {"by": "customer"},
    }.items():  # fmt: skip
        out = tmp_path / name
        payrec.worklist(lists, out=out, **arguments)  # type: ignore[arg-type]
        assert b"bob.example" not in _unpacked(out)
        payrec.worklist(lists, out=out, with_contact=True, **arguments)  # type: ignore[arg-type]
        assert b"bob.example" in _unpacked(out)
    assert payrec.worklist(lists, by="customer", owner="nobody").customers.num_rows == 0


def _unpacked(path: Path) -> bytes:
    if path.suffix == ".csv":
        return path.read_bytes()
    return str([[*map(str, row.values())] for row in sheet(path)]).encode()


def test_a_file_without_its_columns_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "other.csv"
    file.write_text("customer,phone\nbob,1\n")
    with pytest.raises(DataRefused, match=r"found no column done in other.csv, expected customer, done, when"):
        payrec.load.actions(file, NOW, "kim", tmp_path)


def test_fault_83_what_a_spreadsheet_changed_is_named_refused_or_read(
    lists: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "done.csv"
    text = "customer,done,when,note\n12,spoke,,\nBOB,spoke,,\nbob,spoke,,Größe\nbob,spoke,1899-12-30,\n"
    file.write_bytes(text.encode("cp1252"))
    with pytest.raises(DataRefused, match="--encoding cp1252"):
        payrec.load.actions(file, NOW, "kim", lists)
    assert actions.read(open_store(lists)) == ()
    monkeypatch.setenv("PAYREC_PUBLISHED_DIR", str(lists))
    monkeypatch.setattr("payrec.cli.options.now", lambda: NOW)
    with pytest.raises(SystemExit) as ended:
        main(["load", "actions", str(file), "--encoding", "cp1252"])
    said = capsys.readouterr().err
    assert ended.value.code == DataRefused.exit_code
    assert "no list has customer 12 and 1 more: recorded; a spreadsheet may have changed the ids" in said
    assert "line 5: found an action at 1899-12-30, expected a time from 1990-01-01 on" in said
    assert [one.note for one in actions.read(open_store(lists)) if one.customer_id == "bob"] == ["Größe"]


def test_contacts_with_held_out_customers_are_counted(tmp_path: Path, open_orders: Make) -> None:
    rows = open_orders({"order_id": "o1", "customer_id": "bob"}, {"order_id": "o2", "customer_id": "cat"})
    lists = open_store(tmp_path / "published")
    publish(lists, rows, most=10)
    file = tmp_path / "done.csv"
    file.write_text("customer,done,note\nbob,spoke,\ncat,,note\n")
    for path in (tmp_path / "published").rglob("customers.parquet"):
        table = pq.read_table(path)
        held = pa.array(["held_out"] * table.num_rows)
        at = table.schema.get_field_index("suppressed_reason")
        pq.write_table(table.set_column(at, table.schema.field(at).name, held), path)
    assert payrec.load.actions(file, NOW, "kim", tmp_path / "published").held_out == 1


@pytest.mark.parametrize("option", ["--map=m.toml", "--rejects=r.csv", "--complete", "--stated-at=2026-01-01"])
def test_options_that_have_no_use_are_refused(
    option: str, lists: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "m.toml").write_text("")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PAYREC_PUBLISHED_DIR", str(lists))
    with pytest.raises(SystemExit) as ended:
        main(["load", "actions", "done.csv", option])
    assert (ended.value.code, option.split("=", maxsplit=1)[0] in capsys.readouterr().err) == (2, True)
