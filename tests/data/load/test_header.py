"""Columns are found by name (fault 23); every row is accounted for (faults 21, 24)."""

from __future__ import annotations

import csv
import io
import random
import tempfile
from dataclasses import replace
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from payrec.common.errors import DataRefused, UsageError
from payrec.common.text import spreadsheet_column
from payrec.data import load
from payrec.data.load import rejects
from payrec.data.load.mapping import from_document
from tests.data.load.files import EVENTS_HEADER, HEADER, LOOSE, NOW, lines, order, read, written


def test_fault_23_order_case_and_blanks_do_not_count(tmp_path: Path) -> None:
    names = HEADER.split(",")
    values = dict(zip(names, order(1).split(","), strict=True))
    expected = read(written(tmp_path, lines(order(1)))).rows
    for seed in range(5):
        shuffled = random.Random(seed).sample(names, len(names))
        header = ",".join(f"  {name.upper()} " if seed % 2 else name.title() for name in shuffled)
        row = ",".join(values[name] for name in shuffled)
        assert read(written(tmp_path, lines(row, header=header))).rows == expected


def test_fault_23_missing_columns_are_named_with_candidates(tmp_path: Path) -> None:
    path = written(tmp_path, lines("1,2,3", header="Customer ID,amnt,currency"))
    with pytest.raises(DataRefused) as refused:
        read(path)
    message = str(refused.value)
    assert "lacks order_id, customer_id, amount, invoice_date, payment_date" in message
    assert "customer_id may be customer id" in message
    assert "amount may be amnt" in message
    assert len(message.splitlines()) <= 3


@pytest.mark.parametrize("twice", ["amount", " AMOUNT ", "Amount"])
def test_fault_23_duplicate_names_are_refused(tmp_path: Path, twice: str) -> None:
    with pytest.raises(DataRefused, match="two columns named"):
        read(written(tmp_path, lines(order(1) + ",5", header=f"{HEADER},{twice}")))


def test_fault_23_extra_columns_are_reported(tmp_path: Path) -> None:
    found = read(written(tmp_path, lines(order(1) + ",x,,", header=HEADER + ",Extra,,")))
    assert found.report.ignored == ("Extra", "(no name)", "(no name)")
    assert found.report.used == tuple(HEADER.split(","))
    assert found.rows[0]["provider"] is None


def test_a_column_of_the_map_that_is_not_there(tmp_path: Path) -> None:
    path = written(tmp_path, lines(order(1)))
    for mapping in (
        {"columns": {"provider": "curency"}},
        {"only": {"curency": "EUR"}},
        {"ignore": ["curency"]},
        {"carry": {"by": "curency", "x": "amount"}},
        {"derived": {"provider": "{curency}"}},
        {"derived": {"payment_date": "invoice_date + curency"}},
        {"derived": {"amount": "curency / 100"}},
    ):
        with pytest.raises(DataRefused, match=r"^file.csv has no column 'curency'.*nearest is 'currency'"):
            read(path, **mapping)


def test_the_plan_is_shown_before_anything_is_read(tmp_path: Path) -> None:
    path = written(tmp_path, lines(order(1), header=HEADER.replace("customer_id", "Client")).replace(",", ";"))
    mapping = from_document(
        {"columns": {"customer_id": "client"}, "constants": {"provider": "x"}, "only": {"amount": ["1", "2"]}}, "m.toml"
    )
    assert load.plan(path, "transactions", mapping).lines() == (
        "file     file.csv: CSV, semicolon, utf-8, LF line ends",
        "mapping  m.toml, into transactions:",
        "  order_id          from 'order_id'",
        "  customer_id       from 'Client'",
        "  provider          always 'x'",
        "  currency          from 'currency'",
        "  amount            from 'amount'",
        "  invoice_date      from 'invoice_date'",
        "  payment_date      from 'payment_date'",
        "only     rows with amount = 1 or 2",
        "ignored  no column",
    )


def test_the_delimiter_is_the_one_that_gives_the_columns(tmp_path: Path) -> None:
    """A comma in every name and value does not make it the delimiter."""
    header = "order_id;customer_id;amount;currency;invoice_date;payment_date;a,b,c,d,e,f,g,h"
    row = order(1).replace(",", ";") + ";1,2,3,4,5,6,7,8"
    assert read(written(tmp_path, lines(row, header=header))).column("order_id") == ["o1"]
    assert read(written(tmp_path, lines(row, header=header)), delimiter=";").column("order_id") == ["o1"]


def test_fault_24_exact_duplicates_are_dropped_and_counted(tmp_path: Path) -> None:
    found = read(written(tmp_path, lines(order(1), order(2), order(1), order(1), order(3))))
    assert found.column("order_id") == ["o1", "o2", "o3"]
    assert (found.report.rows_in, found.report.loaded, found.report.duplicates) == (5, 3, 2)


def test_fault_24_the_same_values_written_differently_are_one_row(tmp_path: Path) -> None:
    found = read(written(tmp_path, lines(order(1), order(1, amount="10.5", currency="eur"), order(2))))
    assert found.column("order_id") == ["o1", "o2"]
    assert found.report.duplicates == 1


def test_fault_24_conflicting_rows_are_refused_by_key_and_line(tmp_path: Path) -> None:
    path = written(tmp_path, lines(order(1), order(2), order(1, amount="99"), order(3), order(3, customer_id="c9")))
    with pytest.raises(DataRefused, match=r"same order_id: o1 \(lines 2, 4\); o3 \(lines 5, 6\)"):
        read(path)


def test_fault_24_a_bad_row_is_no_conflict(tmp_path: Path) -> None:
    found = read(written(tmp_path, lines(order(1), order(1, amount="x"))))
    assert (found.report.loaded, found.report.rejected) == (1, 1)


def test_rows_that_differ_only_in_a_column_not_read_are_two(tmp_path: Path) -> None:
    header = HEADER + ",note"
    rows = [order(1) + ",a", order(1) + ",b", order(1) + ",a"]
    found = read(written(tmp_path, lines(*rows, header=header)), derived={"order_id": "SI-{line}"})
    assert found.column("order_id") == ["SI-2", "SI-3"]
    assert found.report.duplicates == 1


def test_made_event_ids_are_stable(tmp_path: Path) -> None:
    header = EVENTS_HEADER.removeprefix("event_id,") + ",note"
    rows = ["o1,2025-01-01,payment,5.00,a", "o1,2025-01-01,payment,5.00,b", "o2,2025-01-02,attempt,,"]
    once = read(written(tmp_path, lines(*rows, header=header)), "events")
    ids = dict(zip(((r["order_id"], r["event_id"][-2:]) for r in once.rows), once.column("event_id"), strict=True))
    assert len(set(once.column("event_id"))) == 3
    assert once.column("event_id")[1] == once.column("event_id")[0] + "-2"
    later = read(written(tmp_path, lines("o0,2025-01-01,contact,,", *reversed(rows), header=header)), "events")
    assert set(ids.values()) < set(later.column("event_id"))
    assert "4 events have no event_id: theirs were computed from their content" in later.report.notes


def test_event_types(tmp_path: Path) -> None:
    rows = [
        "e1,o1,2025-01-01,Payment,1",
        "e2,o1,2025-01-01,Dispute Opened,",
        "e3,o1,2025-01-01,write-off,",
        "e4,o1,2025-01-01,Send Fine,",
    ]
    found = read(written(tmp_path, lines(*rows, header=EVENTS_HEADER)), "events")
    assert found.column("event_type") == ["payment", "dispute_opened", "write_off"]
    assert "translate it in [values.event_type]" in found.reasons()[0]
    found = read(
        written(tmp_path, lines(*rows, header=EVENTS_HEADER)), "events", values={"event_type": {"send fine": "contact"}}
    )
    assert found.column("event_type")[3] == "contact"


def test_text_is_trimmed_and_bounded(tmp_path: Path) -> None:
    header = HEADER + ",provider"
    rows = [order(1) + ",  \u00a0a b\t ", order(2) + ",   ", order(3) + f",{'é' * 200}", order(4) + f",{'é' * 201}"]
    found = read(written(tmp_path, lines(*rows, header=header)))
    assert found.column("provider") == ["a b", None, "é" * 200]
    assert found.reasons() == ["provider is longer than 200 characters"]


def test_what_is_in_the_text_stays(tmp_path: Path) -> None:
    """Fault 35, 38: signs that hurt elsewhere are data here, byte for byte."""
    nasty = [
        "'; DROP TABLE raw_transactions; --",
        "<script>alert(1)</script>",
        "\x1b[31mred",
        "\u202eabc",
        "=1+1",
        "\\N",
        "{}",
    ]
    found = read(written(tmp_path, lines(*(order(n, customer_id=text) for n, text in enumerate(nasty)))))
    assert found.column("customer_id") == nasty
    header = HEADER.replace("customer_id", '"x\'; DROP TABLE staged; --"')
    found = read(
        written(tmp_path, lines(order(1), header=header)), columns={"customer_id": "x'; drop table staged; --"}
    )
    assert found.column("customer_id") == ["c1"]


def test_rejects_are_one_line_a_row_and_safe_to_open(tmp_path: Path) -> None:
    path = written(
        tmp_path, lines(order(1), order(2, amount="=1+1", currency="@x", payment_date="soon"), "short", order(4))
    )
    out = tmp_path / "new" / "rejects.csv"
    with load.parse(path, "transactions", None, NOW, replace(LOOSE, rejects=out)) as parsed:
        assert parsed.report.rejects_path == out
    with out.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [(row["line"], row["column"], row["value"]) for row in rows] == [
        ("3", "currency; amount; payment_date", "'@X;' =1+1; soon"),
        ("4", "", "short"),
    ]
    assert rows[0]["reason"].startswith(
        "currency is no currency of three letters; amount has characters that belong to no number"
    )
    assert list(out.parent.iterdir()) == [out]


RISKY = st.text(st.sampled_from("=+-@＝＋－＠ ;|\t\r\n\0\x1b,'\"a1"), max_size=12)


@given(st.lists(st.tuples(RISKY, RISKY, RISKY), min_size=1, max_size=5))
def test_no_reject_is_a_formula_whatever_delimiter_the_reader_splits_at(cells: list[tuple[str, ...]]) -> None:
    columns = [
        pa.array(range(len(cells)), pa.int64()),
        *(pa.array(each, pa.string()) for each in zip(*cells, strict=True)),
    ]
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "rejects.csv"
        rejects.write(out, [pa.record_batch(columns, names=list(rejects.HEADER))])
        text = out.read_bytes().decode()
    assert len(list(csv.reader(io.StringIO(text, newline="")))) == 1 + len(cells)
    for delimiter in (",", ";", "|", "\t"):
        for row in csv.reader(io.StringIO(text, newline=""), delimiter=delimiter):
            assert not any(cell.strip().startswith(tuple("=+-@＝＋－＠\t\r\0")) for cell in row)
    assert "\x1b" not in text


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "＝", "  ="])
def test_fault_34_no_reject_is_a_formula(start: str) -> None:
    cells = spreadsheet_column(pa.array([start + "1", "1" + start, "a;" + start + "1", "a|" + start]))
    assert cells.to_pylist() == ["'" + start + "1", "1" + start, "a;'" + start + "1", "a|'" + start]


def test_too_many_bad_rows_refuse_the_file_and_leave_the_rejects(tmp_path: Path) -> None:
    path = written(tmp_path, lines(*(order(n) for n in range(18)), order(18, amount="x"), order(19, amount="y")))
    out = tmp_path / "rejects.csv"
    with (
        pytest.raises(DataRefused, match=r"2 of 20 rows cannot be loaded, at most 5% may be") as refused,
        load.parse(path, "transactions", None, NOW, load.Options(rejects=out)),
    ):
        pass
    assert "2 × amount has characters that belong to no number" in str(refused.value)
    assert len(out.read_text().splitlines()) == 3
    with load.parse(path, "transactions", None, NOW, load.Options(max_rejected_share=0.1, rejects=out)) as parsed:
        assert parsed.report.loaded == 18


def test_a_rejects_file_that_cannot_be_written(tmp_path: Path) -> None:
    path = written(tmp_path, lines(order(1), "short"))
    (tmp_path / "taken").write_text("")
    with (
        pytest.raises(UsageError, match=r"cannot write .*r\.csv"),
        load.parse(path, "transactions", None, NOW, replace(LOOSE, rejects=tmp_path / "taken" / "r.csv")),
    ):
        pass


def test_the_account_must_add_up() -> None:
    from payrec.common.errors import PayrecError

    with pytest.raises(PayrecError, match="5 rows in, but 4 accounted for"):
        load.LoadReport("f", "fx", 5, 1, 1, 1, 1, "CSV", (), (), (), ())


def test_the_account_in_words(tmp_path: Path) -> None:
    rows = [order(1), order(1), "x", order(2, currency="USD")]
    report = read(written(tmp_path, lines(*rows)), only={"currency": "eur"}).report
    assert report.lines()[0] == ("file.csv: 4 rows = 1 loaded + 1 rejected + 1 exact duplicate + 1 left out by the map")


def test_values_are_typed_as_the_table(tmp_path: Path) -> None:
    header = HEADER + ",auth_ts,due_date,outstanding,reason_code"
    found = read(written(tmp_path, lines(order(1) + ",2025-01-30T10:00:00Z,2025-03-01,4,51", header=header)))
    assert found.rows == [
        {
            "order_id": "o1", "customer_id": "c1", "provider": None, "payment_method": None, "currency": "EUR",
            "amount": Decimal("10.50"), "country": None, "device": None, "transaction_type": None,
            "result_status": None, "reason_code": "51", "auth_ts": datetime(2025, 1, 30, 10), "capture_ts": None,
            "retries": None, "chargeback_flag": None, "invoice_date": date(2025, 1, 31),
            "payment_date": date(2025, 2, 10), "due_date": date(2025, 3, 1), "outstanding": Decimal(4),
                "status": None, "stated_at": None, "source_account": None,
        }
    ]  # fmt: skip


@pytest.mark.parametrize("twin", ["o1\u200b", "\ufeffo1", "o\u00ad1"])
def test_ids_that_look_alike_are_named(tmp_path: Path, twin: str) -> None:
    found = read(written(tmp_path, lines(order(1), order(0, order_id=twin), order(2, customer_id="é"))))
    assert len(found.rows) == 3
    alike = [note for note in found.report.notes if "looks like another" in note]
    assert len(alike) == 1
    assert "1 value of order_id" in alike[0]
    assert alike[0].isascii()
