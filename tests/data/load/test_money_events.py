"""Which way money moved is proven by column and type; what contradicts it, or says nothing, is rejected by line."""

from __future__ import annotations

from collections import Counter
from decimal import Decimal
from hashlib import md5
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from payrec.data import layers, load
from payrec.data.engines import connect
from payrec.data.load.money_events import INWARD, NEEDS_AMOUNT, OUTWARD
from tests.data.load.files import EVENTS_HEADER, LOOSE, NOW, lines, read, written

AMOUNTS = st.integers(-9, 9).filter(bool)
MONEY_TYPES = (*INWARD, *OUTWARD)


def event(number: int, event_type: str, amount: object) -> str:
    return f"e{number},o{number},2025-01-01T10:00:00,{event_type},{amount}"


@settings(max_examples=60, deadline=None)
@given(facts=st.lists(st.tuples(st.sampled_from(MONEY_TYPES), AMOUNTS | st.just("")), min_size=1, max_size=12))
def test_what_loads_is_positive_and_what_does_not_is_named(
    tmp_path_factory: pytest.TempPathFactory, facts: list[tuple[str, int | str]]
) -> None:
    """By hand: a type of money that leaves is turned if all of it is negative; the rest by row."""
    rows = [event(at, kind, amount) for at, (kind, amount) in enumerate(facts)]
    result = read(written(tmp_path_factory.mktemp("f"), lines(*rows, header=EVENTS_HEADER)), "events")
    signs = {kind: {amount > 0 for each, amount in facts if each == kind and amount != ""} for kind in MONEY_TYPES}
    expected, bad = {}, []
    for at, (kind, amount) in enumerate(facts):
        if amount == "":
            if kind in NEEDS_AMOUNT:
                bad.append(at + 2)
            else:
                expected[f"e{at}"] = None
        elif amount > 0:
            expected[f"e{at}"] = Decimal(amount)
        elif kind in OUTWARD and signs[kind] == {False}:
            expected[f"e{at}"] = Decimal(-amount)
        else:
            bad.append(at + 2)
    assert {row["event_id"]: row["amount"] for row in result.rows} == expected
    assert [row["line"] for row in result.rejects] == bad
    assert result.report.rows_in == result.report.loaded + result.report.rejected


def test_a_turned_type_is_named_in_the_account(tmp_path: Path) -> None:
    rows = [event(1, "payment", "100.00"), event(2, "chargeback", "-100.00")]
    result = read(written(tmp_path, lines(*rows, header=EVENTS_HEADER)), "events")
    assert [row["amount"] for row in result.rows] == [Decimal("100.00"), Decimal("100.00")]
    assert (
        "the amount of one chargeback is below 0: read as money that leaves, 100.00 for -100.00" in result.report.notes
    )


@pytest.mark.parametrize(
    ("rows", "line", "reason"),
    [
        ((event(1, "payment", "80"), event(2, "refund", "")), 3, "a refund needs its amount"),
        ((event(1, "refund", "5"), event(2, "refund", "-5")), 3, "other amounts of refund are above"),
        (
            (event(1, "payment", "-5"), event(2, "payment", "5")),
            2,
            "money that leaves is a refund, return or chargeback",
        ),
    ],
)
def test_a_rejected_row_says_why(tmp_path: Path, rows: tuple[str, ...], line: int, reason: str) -> None:
    (reject,) = read(written(tmp_path, lines(*rows, header=EVENTS_HEADER)), "events").rejects
    assert (reject["line"], reject["column"]) == (line, "amount")
    assert reason in reject["reason"]


def test_a_row_with_a_bad_cell_and_a_refused_row_are_one_reject_each(tmp_path: Path) -> None:
    rows = [event(1, "refund", ""), event(2, "refund", "x"), event(3, "nonsense", "5"), event(4, "payment", "5")]
    result = read(written(tmp_path, lines(*rows, header=EVENTS_HEADER)), "events")
    assert [row["line"] for row in result.rejects] == [2, 3, 4]
    assert (result.report.loaded, result.report.rejected) == (1, 3)


KEYLESS = "order_id,event_ts,event_type,amount"
LINES = ("i1,2025-01-25,payment,50.00", "i1,2025-01-25,payment,49.00", "i2,2025-01-25,payment,50.00")
PARTS = st.lists(st.sampled_from(LINES), min_size=1, max_size=8)


@settings(max_examples=30, deadline=None)
@given(first=PARTS, second=PARTS)
def test_equal_rows_without_ids_count_apart_and_files_may_overlap(
    tmp_path_factory: pytest.TempPathFactory, first: list[str], second: list[str]
) -> None:
    """A file holds each fact as often as it happened; of two files that overlap, the one with more of it counts."""
    folder = tmp_path_factory.mktemp("f")
    with connect("duckdb://") as engine:
        layers.prepare(engine)
        for name, rows in (("a.csv", first), ("b.csv", second), ("a2.csv", first)):
            load.load_file("events", engine, written(folder, lines(*rows, header=KEYLESS), name), None, NOW, LOOSE)
        stored = engine.read("SELECT order_id, amount FROM raw_events").to_pylist()
    counts = Counter(f"{row['order_id']},2025-01-25,payment,{row['amount']}" for row in stored)
    assert counts == Counter(first) | Counter(second)


def test_an_id_of_content_stays_what_it_was_in_0_1(tmp_path: Path) -> None:
    """0.1 read no currency: a file that is loaded again after the upgrade must not count twice."""
    content = "\x1f".join(("o1", "2025-01-02 10:00:00", "\x1e", "payment", "6.00", "\x1e", "\x1e", "\x1e", ""))
    expected = f"made-{md5(content.encode()).hexdigest()}"
    for header, row in ((KEYLESS, ""), (f"{KEYLESS},currency", ",EUR")):
        path = written(tmp_path, lines(f"o1,2025-01-02T10:00:00,payment,6.00{row}", header=header))
        assert read(path, "events").column("event_id") == [expected]


def test_blank_ids_of_a_column_of_ids_get_ids_of_their_content(tmp_path: Path) -> None:
    named, blank = "e1,o1,2025-01-01,payment,5.00", ",o2,2025-01-02,payment,6.00"
    rows = [named, blank, blank, named]
    result = read(written(tmp_path, lines(*rows, header=EVENTS_HEADER)), "events")
    ids = result.column("event_id")
    assert ids[0] == "e1"
    assert ids[1].startswith("made-")
    assert ids[2] == ids[1] + "-2"
    assert (result.report.loaded, result.report.duplicates) == (3, 1)
