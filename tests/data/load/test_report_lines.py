"""Headers below title lines; titles, totals and the like are left out and counted, never a record among them."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from payrec.common.errors import DataRefused, UsageError
from tests.data.load.files import HEADER, lines, order, read, written

TITLES = ("Example Company LLC,,,,,", "Open items,,,,,", ",,,,,")


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_the_header_is_the_line_that_has_the_columns(tmp_path: Path, delimiter: str) -> None:
    text = lines(*TITLES, "", HEADER, order(1), order(2), header="amount,,,,,").replace(",", delimiter)
    found = read(written(tmp_path, text))
    assert found.rows == read(written(tmp_path, lines(order(1), order(2)))).rows
    assert "lines above the header were left out: amount; Example Company LLC; Open items" in found.report.notes[0]
    assert found.report.rows_in == 2


def test_lines_of_rejects_are_those_of_the_file(tmp_path: Path) -> None:
    found = read(written(tmp_path, lines("", HEADER, order(1), order(2, amount="x"), header="Report of orders")))
    assert [each["line"] for each in found.rejects] == [5]


def test_a_declared_header_row_counts(tmp_path: Path) -> None:
    path = written(tmp_path, lines(HEADER.replace("amount", "amount_due"), order(1), header=HEADER))
    assert read(path, header_row=1).report.rejected == 1
    with pytest.raises(DataRefused, match="lacks amount"):
        read(path, header_row=2)
    with pytest.raises(UsageError, match="header_row = 9 has no cells, expected one of the lines 1, 2, 3"):
        read(path, header_row=9)


def test_what_is_no_record_is_left_out_by_its_kind(tmp_path: Path) -> None:
    path = written(
        tmp_path,
        lines(
            "Birch & Co,,,,,",
            order(1),
            "Total Birch & Co,,10.50,,,",
            "Cedar",
            order(2),
            order(3, customer_id="Total Energies"),
            "Cedar Total,,21.00,,,",
            ",,,,,",
            HEADER,
            order(4),
            "Grand total,,42.00",
        ),
    )
    report = read(path).report
    assert (report.loaded, report.rejected) == (4, 0)
    assert dict(report.left_out_by) == {"titles": 2, "totals": 3, "empty lines": 1, "repeated headers": 1}
    assert "amount in the file is 21.00, but the rows above add up to 31.50" in " ".join(report.notes)
    words = "4 loaded + 0 rejected + 0 exact duplicates + 1 empty lines + 1 repeated headers + 2 titles + 3 totals"
    assert words in report.lines()[0]


@pytest.mark.parametrize("row", ["o2,,,,,", ",c2,,,,", "lonely"])
def test_a_lonely_cell_is_a_damaged_row_where_nothing_says_report(tmp_path: Path, row: str) -> None:
    assert read(written(tmp_path, lines(order(1), row))).report.rejected == 1


def test_a_row_that_has_what_records_have_is_no_total(tmp_path: Path) -> None:
    rows = [order(1, order_id="Total 1"), order(2, customer_id="Subtotal"), order(3, order_id="Total", amount="")]
    found = read(written(tmp_path, lines(*rows)))
    assert (found.report.loaded, found.report.rejected, found.report.left_out) == (2, 1, 0)


CELLS = st.sampled_from(["", "Total", "Subtotal", "2025-01-31", "5.00", "EUR", "o1", "c1", "order_id"])


@settings(max_examples=15)  # of many rows each: a file costs more than a row
@given(st.lists(st.lists(CELLS, min_size=6, max_size=6), max_size=60))
def test_every_line_is_accounted_for_and_no_good_row_is_left_out(tmp_path_factory, cells: list[list[str]]) -> None:  # type: ignore[no-untyped-def]
    folder = tmp_path_factory.mktemp("report")
    rows = [",".join([f"{each[0]}{n}" if each[0] else "", *each[1:]]) for n, each in enumerate(cells)]
    found = read(written(folder, lines(order(99), *rows)))
    report = found.report
    assert report.rows_in == len(rows) + 1 == report.loaded + report.rejected + report.duplicates + report.left_out
    good = [n for n, (o, c, a, cur, day, paid) in enumerate(cells) if o and c and a == "5.00" and cur == "EUR"
            and day == "2025-01-31" and paid in ("", "2025-01-31")]  # fmt: skip
    assert {row["order_id"] for row in found.rows} >= {f"{cells[n][0]}{n}" for n in good}
