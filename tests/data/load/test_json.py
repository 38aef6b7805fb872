"""JSON and JSON lines: nested names, digits that stay, lists and objects refused by name, every record read."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pytest

from payrec.common.errors import DataRefused, UsageError
from payrec.data import load
from tests.data.load.files import HEADER, lines, order, read, written

GOOD = dict(zip(HEADER.split(","), order(1).split(","), strict=True))


def objects(folder: Path, *records: dict[str, Any], name: str = "f.jsonl") -> Path:
    return written(folder, "\n".join(map(json.dumps, records)), name)


def test_lines_lists_and_gzip_are_read_as_the_same_csv(tmp_path: Path) -> None:
    records = [GOOD | {"order_id": f"o{n}"} for n in range(1, 4)]
    expected = read(written(tmp_path, lines(*(order(n) for n in range(1, 4))))).rows
    for content in (
        "\n".join(map(json.dumps, records)),
        "\n\n".join(json.dumps(record, indent=2) for record in records) + "\n",
        json.dumps(records, indent=1),
        "\ufeff  " + json.dumps(records),
        gzip.compress(json.dumps(records).encode()),
    ):
        found = read(written(tmp_path, content))
        assert found.rows == expected
        assert found.report.rows_in == 3
        assert found.report.dialect.startswith("JSON")


@pytest.mark.parametrize(
    ("text", "amount"),
    [("10.50", "10.50"), ("1250", "1250.00"), ("1.0E3", "1000.00"), ("-0.5", "-0.50"), ('"(7.00)"', "-7.00")],
)
def test_numbers_keep_their_digits(tmp_path: Path, text: str, amount: str) -> None:
    path = written(tmp_path, json.dumps(GOOD).replace('"10.50"', text).replace('"o1"', "1900000001.0"))
    (row,) = read(path).rows
    assert (str(row["amount"]), row["order_id"]) == (amount, "1900000001")


def test_a_name_that_comes_late_is_read(tmp_path: Path) -> None:
    unpaid = {name: value for name, value in GOOD.items() if name != "payment_date"}
    records = [unpaid | {"order_id": str(n)} for n in range(9_000)] + [GOOD | {"chargeback_flag": True}]
    found = read(objects(tmp_path, *records))
    assert len(found.rows) == 9_001
    assert (str(found.rows[-1]["payment_date"]), found.rows[-1]["chargeback_flag"]) == ("2025-02-10", 1)


@pytest.mark.parametrize("value", [["a"], [{"id": 1}], {"id": "c1"}])
@pytest.mark.parametrize("column", ["customer_id", "country", "payment_date"])
def test_a_list_or_an_object_is_refused_by_the_name_of_its_column(tmp_path: Path, column: str, value: Any) -> None:
    path = objects(tmp_path, GOOD | {column: "x"}, GOOD | {column: value, "order_id": "o2"})
    with pytest.raises(DataRefused, match=rf"line 2: the column '{column}' holds (a list|an object)"):
        read(path)
    assert read(objects(tmp_path, GOOD | {"extra": value})).report.loaded == 1


def test_what_holds_nothing_is_empty(tmp_path: Path) -> None:
    path = objects(tmp_path, GOOD | {"payment_date": None, "country": [], "device": {}, "provider": ""})
    (row,) = read(path).rows
    assert [row[name] for name in ("payment_date", "country", "device", "provider")] == [None] * 4


def test_a_list_of_rows(tmp_path: Path) -> None:
    page = {"object": "list", "data": [GOOD, GOOD | {"order_id": "o2"}]}
    path = written(tmp_path, json.dumps(page, indent=2))
    with pytest.raises(DataRefused, match=r'holds one object with lists in it: data\nadd to the map .*array = "data"'):
        read(path)
    names = {name: f"data.{name}" for name in GOOD}
    found = read(path, array="data", columns=names)
    assert found.column("order_id") == ["o1", "o2"]
    found = read(objects(tmp_path, page, {"object": "list", "data": []}, {}), array="data", columns=names)
    assert found.report.notes[0] == "2 records have no list 'data': they give no row"
    with pytest.raises(DataRefused, match="'object' is no list"):
        read(path, array="object", columns=names)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ('{"a": 1', "line 1: is no JSON that can be read"),
        ('{"a": 1}\n{"a": }', "line 2: is no JSON that can be read"),
        ('[{"a": 1},\n{"a": 2}', "line 2: is no JSON that can be read: it ends within a list"),
        ('[{"a": 1}, 17]', "line 1: found '17', expected an object"),
        ('{"a": 1, "a": 2}', "the name 'a' comes twice in one object"),
        ('{"a.b": 1, "a": {"b": 2}}', "two names are 'a.b', one of them nested"),
        ('{"a": 1, "A": 2}', "two columns named 'A'"),
        ("[]", "holds no records"),
        ('{"a": ' + '{"a":' * 5_000, "line 1: is no JSON that can be read"),
    ],
)
def test_what_is_no_table_is_refused(tmp_path: Path, content: str, message: str) -> None:
    with pytest.raises(DataRefused, match=message):
        read(written(tmp_path, content, "f.json"))


def test_text_is_cleaned_as_everywhere(tmp_path: Path) -> None:
    path = written(tmp_path, json.dumps(GOOD | {"country": "a\0b\ud800c"}))
    found = read(path)
    assert found.column("country") == ["abc"]
    assert sum("taken out of the text" in note for note in found.report.notes) == 2
    with pytest.raises(DataRefused, match="is not UTF-8 text"):
        read(written(tmp_path, json.dumps(GOOD | {"country": "@"}).encode().replace(b"@", b"\xe9")))
    cp1252 = written(tmp_path, json.dumps(GOOD | {"country": "@"}).encode().replace(b"@", b"\xe9"))
    assert read(cp1252, encoding="cp1252").column("country") == ["\u00e9"]


def test_a_long_record_and_keys_of_other_forms_are_refused(tmp_path: Path) -> None:
    small = load.Options(limits=load.Limits(line_bytes=1_000))
    with pytest.raises(DataRefused, match="is no JSON that can be read"):
        read(written(tmp_path, '{"a": "' + "x" * 5_000_000, "f.json"), options=small)
    for key, value in (("sheet", "x"), ("header_row", 1)):
        with pytest.raises(UsageError, match=f"found {key} = .* expected no such key"):
            read(objects(tmp_path, GOOD), **{key: value})
    with pytest.raises(UsageError, match="array is for JSON"):
        read(written(tmp_path, lines(order(1))), array="x")
