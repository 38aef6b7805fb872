"""Whatever name or value is handed over: it is text. It reaches no SQL as code, whichever door it comes through."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from payrec.common.errors import DataRefused, PayrecError, UsageError
from payrec.data import layers
from payrec.data.engines import connect
from payrec.data.load.mapping import from_document
from tests.data.load.files import EVENTS_HEADER, HEADER, lines, order, read, written

HOSTILE = (
    "'; DROP TABLE raw_transactions; --",
    "x') OR 1=1; DELETE FROM staged; --",
    'a"; DROP SCHEMA public CASCADE; --',
    "\\'; SELECT pg_sleep(60); --",
    "$1 {line} %s :name ?",
    "*/ UNION SELECT * FROM kept /*",
)
OF_A_PARSER = ("syntax error", "parser error", "binder error", "catalog error", "unterminated", "traceback", "fault of")


def maps(text: str) -> Iterator[dict[str, Any]]:
    """Yield every key of a map with a hostile text in each of its places."""
    yield {"columns": {"country": text}}
    yield {"constants": {"country": text, "currency": text}}
    yield {"derived": {"country": f"{text}{{currency}}"}}
    yield {"derived": {"due_date": f"invoice_date + {text}"}}
    yield {"values": {"currency": {text: "EUR", "EUR": text}}}
    yield {"only": {"currency": ["EUR", text]}}
    yield {"only": {text: "EUR"}}
    yield {"carry": {"by": "customer_id", text: "amount"}}
    yield {"carry": {"by": "customer_id", "x": {"column": "amount", "currency": text}}}
    yield {"formats": {"invoice_date": text}}
    yield {"date_format": f"%d/%m/%Y{text}"}
    yield {"decimal": text}
    yield {"thousands": text}
    yield {"strip": [text]}
    yield {"empty": [text]}
    yield {"time_zone": text}
    yield {"ignore": [text]}
    yield {"delimiter": text}
    yield {"encoding": text}
    yield {"reporting_currency": text}
    yield {"observed_until": text}
    yield {"known_at_creation": [text]}


def expect_plain(said: str) -> None:
    assert not [word for word in OF_A_PARSER if word in said.lower()], said


@pytest.mark.parametrize("text", HOSTILE)
def test_fault_38_whatever_a_map_says_is_text(tmp_path: Path, text: str) -> None:
    path = written(tmp_path, lines(order(1), order(2)))
    for document in maps(text):
        try:
            found = read(path, **document)
        except (DataRefused, UsageError) as error:
            refusal = str(error)
        else:
            assert len(found.rows) + len(found.rejects) + found.report.left_out == 2
            continue
        expect_plain(refusal)


@pytest.mark.parametrize("text", HOSTILE)
def test_fault_38_whatever_a_file_says_is_text(tmp_path: Path, text: str) -> None:
    cell = '"' + text.replace('"', '""') + '"'
    columns = [name for name in HEADER.split(",") if name not in ("order_id", "customer_id")]
    rows = [order(n, **{name: cell}) for n, name in enumerate(columns)]
    path = written(tmp_path, lines(order(7, order_id=cell, customer_id=cell), *rows))
    found = read(path)
    assert [row["order_id"] for row in found.rows] == [text]
    assert len(found.rejects) == len(columns)
    assert read(written(tmp_path, lines(order(1) + ",x", header=f"{HEADER},{cell}"))).report.ignored
    log = lines(*(f"e{n},{cell},2025-01-31,contact," for n in range(2)), header=EVENTS_HEADER)
    assert [row["order_id"] for row in read(written(tmp_path, log), "events").rows] == [text, text]


@pytest.mark.parametrize("text", HOSTILE)
def test_fault_38_a_schema_is_a_name(postgres_url: str, text: str) -> None:
    with connect(postgres_url) as engine:
        there = engine.tables()
    try:
        with connect(f"{postgres_url}?schema={quote(text)}") as engine:
            layers.prepare(engine)
    except PayrecError as error:
        refusal = str(error)
        expect_plain(refusal)
    with connect(postgres_url) as engine:
        assert engine.tables() >= there >= {"raw_transactions", "raw_events"}


def test_a_map_that_is_refused_says_so_before_any_file_is_read() -> None:
    with pytest.raises(UsageError):
        from_document({"'; DROP TABLE x; --": 1}, "map.toml")
