"""Rows and line numbers out of text, damaged or not (fault 21)."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from payrec.data.load import records
from payrec.data.load.file_bytes import Limits
from tests.data.load.files import LOOSE, lines, order, read, written

Row = tuple[int, tuple[str | None, ...]]


def shape(width: int) -> records.Shape:
    return records.Shape(",", width, Limits(), "file.csv")


def by_blocks(text: str, width: int, size: int) -> tuple[list[Row], list[records.BadLine]]:
    """Rows and bad lines of a text that is handed over in pieces of about ``size`` bytes, cut at line ends."""
    data, pieces = text.encode(), []
    while data:
        cut = data.find(b"\n", size) + 1 or len(data)
        pieces.append(data[:cut])
        data = data[cut:]
    rows: list[Row] = []
    bad: list[records.BadLine] = []
    for found in records.rows(iter(pieces), shape(width), 1):
        bad += found.bad
        columns = [found.table.column(f"c{place}").to_pylist() for place in range(width)]
        rows += zip(found.table.column("line").to_pylist(), zip(*columns, strict=True), strict=True)
    return rows, bad


def line_by_line(text: str, width: int) -> tuple[list[Row], list[records.BadLine]]:
    found = records.salvage(text, ",", width, is_last=True)
    rows = [(line + 1, tuple(cell or None for cell in row)) for line, row in zip(found.lines, found.rows, strict=True)]
    return rows, [records.BadLine(each.line + 1, each.text, each.reason) for each in found.bad]


# text made of what hurts: quotes, delimiters, line ends
anything = st.lists(st.sampled_from(['"', '""', ",", "\n", "a", "é", " ", '"b,c"', '"d\ne"', "1,2,3\n"]), max_size=60)


@settings(deadline=None)
@given(anything, st.integers(1, 3), st.integers(1, 40))
def test_blocks_give_what_reading_line_by_line_gives(parts: list[str], width: int, size: int) -> None:
    text = "".join(parts).rstrip("\n") + "\n"
    assert by_blocks(text, width + 1, size) == line_by_line(text, width + 1)


cell = st.text(st.sampled_from('ab",\n é;\t'), max_size=6)


@settings(deadline=None)
@given(st.lists(st.lists(cell, min_size=3, max_size=3), min_size=1, max_size=20), st.integers(1, 200), st.booleans())
def test_what_was_written_is_read_back(table: list[list[str]], size: int, quote_all: bool) -> None:
    out = io.StringIO(newline="")
    csv.writer(out, lineterminator="\n", quoting=csv.QUOTE_ALL if quote_all else csv.QUOTE_MINIMAL).writerows(table)
    rows, bad = by_blocks(out.getvalue(), 3, size)
    assert bad == []
    assert [row for _, row in rows] == [tuple(c or None for c in row) for row in table]
    ends = [sum(c.count("\n") for c in row) + 1 for row in table]
    assert [line for line, _ in rows] == [1 + sum(ends[:place]) for place in range(len(table))]


def test_fault_21_a_quote_left_open_costs_one_line(tmp_path: Path) -> None:
    open_quote = order(2, customer_id='"c2')
    for rows in (
        [order(1), open_quote, order(3), order(4)],  # no other quote in the file
        [order(1), open_quote, order(3, customer_id='"c3"'), order(4)],  # the next quote would close it
        [order(1), open_quote, order(3), order(4, customer_id='"c4"')],
        [order(1), open_quote, order(3, customer_id='"c ""3"""'), order(4)],
    ):
        found = read(written(tmp_path, lines(*rows)))
        assert found.column("order_id") == ["o1", "o3", "o4"]
        assert [(row["line"], row["reason"]) for row in found.rejects] == [
            (3, "a quote is left open or stands inside a cell")
        ]


def test_fault_21_a_quote_left_open_in_a_large_file(tmp_path: Path) -> None:
    rows = [order(n) for n in range(60_000)]
    rows[30_000] = order(30_000, customer_id='"c')
    found = read(written(tmp_path, lines(*rows)))
    assert len(found.rows) == 59_999
    assert [row["line"] for row in found.rejects] == [30_002]


def test_fault_21_short_long_and_blank_lines(tmp_path: Path) -> None:
    found = read(written(tmp_path, lines(order(1), "o2,c1", "", order(3) + ",extra,more", "\n", order(4), "o5")))
    assert found.column("order_id") == ["o1", "o4"]
    assert [(row["line"], row["reason"]) for row in found.rejects] == [
        (3, "2 values in the line, the header has 6 columns"),
        (5, "8 values in the line, the header has 6 columns"),
        (9, "1 value in the line, the header has 6 columns"),
    ]
    assert (found.report.rows_in, found.report.loaded, found.report.rejected) == (5, 2, 3)


def test_fault_21_embedded_newlines_and_the_lines_after_them(tmp_path: Path) -> None:
    found = read(
        written(
            tmp_path,
            lines(
                order(1, customer_id='"Smith\n& Sons"'),
                order(2, amount="x"),
                order(3, customer_id='"a ""b"", c\n\n\nd"'),
                order(4, amount="y"),
            ),
        )
    )
    assert found.column("customer_id") == ["Smith\n& Sons", 'a "b", c\n\n\nd']
    assert [row["line"] for row in found.rejects] == [4, 9]


def test_a_bad_row_of_several_lines_costs_its_first_line_only(tmp_path: Path) -> None:
    found = read(written(tmp_path, lines('o1,"c\n' + order(2) + "\n" + 'x",1', order(3)), "f.csv"), options=LOOSE)
    assert found.column("order_id") == ["o2", "o3"]
    assert [row["line"] for row in found.rejects] == [2, 4]


def test_a_quote_inside_a_plain_cell_is_text(tmp_path: Path) -> None:
    assert read(written(tmp_path, lines(order(1, customer_id='5" pipes')))).column("customer_id") == ['5" pipes']


@pytest.mark.parametrize("last", ["", "\n", "\r\n", "\n\n\n"])
def test_the_last_line_needs_no_end(tmp_path: Path, last: str) -> None:
    found = read(written(tmp_path, lines(order(1)) + order(2) + last))
    assert found.column("order_id") == ["o1", "o2"]


def test_many_quotes_left_open_take_no_longer_than_linear() -> None:
    text = 'a,"b\n' + "a,b\n" * 20_000 + 'a,"b""\n' * 2_000
    found = records.salvage(text, ",", 2, is_last=True)
    assert len(found.rows) == 20_000
    assert len(found.bad) == 2_001


def test_a_header_of_several_lines(tmp_path: Path) -> None:
    text = 'order_id,customer_id,amount,currency,invoice_date,payment_date,"a\nnote"\n'
    found = read(written(tmp_path, text + order(1) + ",x\n" + order(2, amount="z") + ",y\n"))
    assert found.column("order_id") == ["o1"]
    assert [row["line"] for row in found.rejects] == [4]
