"""When facts of the export's day were true, and a file that is declared complete."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import pytest

import payrec
from payrec.common.errors import DataRefused, UsageError
from payrec.data import layers, load
from payrec.data.engines import Engine, connect
from payrec.data.load.targets import STATUS_WORDS
from tests.data.load.files import NOW, lines, read, written

HEADER = "order_id,customer_id,amount,currency,invoice_date,payment_date,provider,outstanding"
WEEK_1, WEEK_2, WEEK_3 = (datetime(2025, 5, day) for day in (7, 14, 21))


@pytest.fixture
def duck() -> Iterator[Engine]:
    with connect("duckdb://") as engine:
        layers.prepare(engine)
        yield engine


def item(order_id: str, outstanding: str = "100.00", provider: str = "erp") -> str:
    return f"{order_id},c{order_id},100.00,EUR,2025-05-01,,{provider},{outstanding}"


def loaded(engine: Engine, folder: Path, at: datetime | None, *rows: str, complete: bool = True) -> load.LoadReport:
    path = written(folder, lines(*rows, header=HEADER))
    options = load.Options(stated_at=at, complete=complete)
    return payrec.load.transactions(engine, path, now=NOW, options=options)


def outstanding(engine: Engine) -> dict[str, str]:
    rows = engine.read("SELECT order_id, outstanding, stated_at FROM raw_transactions ORDER BY order_id").to_pylist()
    return {row["order_id"]: f"{row['outstanding']} {row['stated_at']:%m-%d}" for row in rows}


def open_orders(engine: Engine, at: datetime) -> list[str]:
    payrec.build(engine, as_of=at)
    rows = payrec.features(engine, at)
    return sorted(rows["order_id"].to_pylist())


def test_what_is_gone_from_a_complete_file_is_settled_and_comes_back(duck: Engine, tmp_path: Path) -> None:
    loaded(duck, tmp_path, WEEK_1, item("1"), item("2"), item("3"))
    report = loaded(duck, tmp_path, WEEK_2, item("2"), item("3", "40.00"))
    assert report.notes[-1].startswith("1 order without a payment date is not in this complete file")
    assert outstanding(duck) == {"1": "0.00 05-14", "2": "100.00 05-14", "3": "40.00 05-14"}
    assert open_orders(duck, WEEK_2) == ["2", "3"]
    loaded(duck, tmp_path, WEEK_3, item("1"), item("2"))
    assert outstanding(duck) == {"1": "100.00 05-21", "2": "100.00 05-21", "3": "0.00 05-21"}
    assert open_orders(duck, WEEK_3) == ["1", "2"]


def test_a_file_that_is_not_declared_complete_closes_nothing(duck: Engine, tmp_path: Path) -> None:
    loaded(duck, tmp_path, WEEK_1, item("1"), item("2"), complete=False)
    loaded(duck, tmp_path, WEEK_2, item("2"), complete=False)
    assert open_orders(duck, WEEK_2) == ["1", "2"]


def test_the_file_of_one_provider_closes_no_other_orders(duck: Engine, tmp_path: Path) -> None:
    loaded(duck, tmp_path, WEEK_1, item("1"), item("2"), item("8", provider="shop"), item("9", provider=""))
    loaded(duck, tmp_path, WEEK_2, item("2"))
    assert open_orders(duck, WEEK_2) == ["2", "8", "9"]


def test_a_settled_order_teaches_nothing(duck: Engine, tmp_path: Path) -> None:
    loaded(duck, tmp_path, WEEK_1, item("1"), item("2"))
    loaded(duck, tmp_path, datetime(2025, 7, 1), item("2"), item("3").replace("2025-05-01", "2025-06-30"))
    payrec.build(duck)
    labels = duck.read("SELECT order_id, label_recovered_30d AS label FROM v_feature_view WHERE is_landmark = 1")
    assert {row["label"] for row in labels.to_pylist() if row["order_id"] == "1"} == {None}
    assert 0 in {row["label"] for row in labels.to_pylist() if row["order_id"] == "2"}


def test_without_a_time_a_complete_file_is_of_the_newest_fact(duck: Engine, tmp_path: Path) -> None:
    loaded(duck, tmp_path, None, item("1"), item("2"))
    loaded(duck, tmp_path, None, item("2"), item("4").replace("2025-05-01", "2025-05-20"))
    assert open_orders(duck, datetime(2025, 5, 28)) == ["2", "4"]


def test_a_complete_file_with_a_bad_row_is_refused_whole(duck: Engine, tmp_path: Path) -> None:
    loaded(duck, tmp_path, WEEK_1, item("1"))
    rows = [item(str(at)) for at in range(2, 60)] + [item("1", "much")]
    with pytest.raises(DataRefused, match="1 row cannot be read, expected none in a file declared complete"):
        loaded(duck, tmp_path, WEEK_2, *rows)
    assert outstanding(duck) == {"1": "100.00 05-07"}


def test_events_and_folders_cannot_be_complete(duck: Engine, tmp_path: Path) -> None:
    path = written(tmp_path, "order_id,event_ts,event_type\n1,2025-05-01,contact\n")
    with pytest.raises(UsageError, match="expected one file of orders"):
        payrec.load.events(duck, path, options=load.Options(complete=True))


@pytest.mark.parametrize(
    ("options", "mapping", "expected", "note"),
    [
        ({"stated_at": WEEK_1}, {}, "2025-05-07", "outstanding count from 2025-05-07 00:00 UTC on, as asked"),
        ({}, {"observed_until": "2025-05-09"}, "2025-05-10", "the end of the data by map.toml"),
        ({}, {"constants": {"stated_at": "2025-05-08"}}, "2025-05-08", "count from stated_at of each row on"),
        ({}, {}, None, "say when they were true with --stated-at TIME"),
    ],
)
def test_the_time_of_the_facts_of_the_day(
    tmp_path: Path, options: dict[str, datetime], mapping: dict[str, object], expected: str | None, note: str
) -> None:
    path = written(tmp_path, lines(item("1"), header=HEADER))
    result = read(path, options=load.Options(**options), **mapping)
    stated = result.rows[0]["stated_at"]
    assert (stated and f"{stated:%Y-%m-%d}") == expected
    assert any(note in each for each in result.report.notes)


@pytest.mark.parametrize(
    ("written_status", "expected"),
    [
        ("Voided", "void"), ("CANCELLED", "void"), ("Draft", "draft"), ("Awaiting Payment", "open"),
        ("Past-Due", "open"), ("Partially paid", "part_paid"), ("uncollectible", "written_off"),
        ("Written Off", "written_off"), ("Paid", "paid"), ("closed", "paid"), ("In Dispute", "disputed"),
        ("Parked", "Parked"), ("", None),
    ],
)  # fmt: skip
def test_frequent_words_for_a_status_are_understood(tmp_path: Path, written_status: str, expected: str | None) -> None:
    path = written(tmp_path, lines(f"{item('1')},{written_status}", header=f"{HEADER},Status"))
    result = read(path)
    assert result.column("status") == [expected]
    unknown = "1 row has a status that says nothing of what is owed, such as 'Parked'"
    assert any(note.startswith(unknown) for note in result.report.notes) == (expected == "Parked")


@pytest.mark.parametrize("word", [word for words in STATUS_WORDS.values() for word in words])
def test_no_word_for_a_status_stands_twice(word: str) -> None:
    assert [word in (one, *words) for one, words in STATUS_WORDS.items()].count(True) == 1
