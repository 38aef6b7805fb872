"""A simulated portfolio, written as a source exports it and read back, gives the raw tables that the form can carry.

``carried/NAME.transactions.sql``, ``.events.sql`` and ``.customers.sql`` say what that is, from the portfolio itself.
"""

from __future__ import annotations

import csv
import io
import re
from dataclasses import replace
from datetime import date, datetime
from decimal import Decimal
from itertools import zip_longest
from pathlib import Path

import duckdb
import pyarrow as pa
import pytest

import payrec
from payrec.common.errors import DataRefused
from payrec.data import layers
from payrec.data.engines import Engine
from payrec.data.load import TARGETS
from payrec.data.load.mapping import from_document
from payrec.data.sources.packs import pack_of
from payrec.simulate import source_files

CARRIED = Path(__file__).parent / "carried"
OPTIONS = payrec.load.Options(stated_at=datetime(2026, 7, 1), max_rejected_share=0.0, complete=True)
OF_EVENTS = replace(OPTIONS, complete=None)


def carried(portfolio: tuple[pa.Table, pa.Table], source: str, kind: str) -> list[dict[str, object]]:
    """Return what the form of a source carries of the portfolio, by key."""
    with duckdb.connect() as db:
        db.register("orders", portfolio[0])
        db.register("events", portfolio[1])
        db.execute((Path(source_files.__file__).parent / "forms" / "portfolio.sql").read_text())
        select = (CARRIED / f"{source.replace('-', '_')}.{kind}.sql").read_text()
        return _sorted(db.sql(select).to_arrow_table().to_pylist(), kind)


def _sorted(rows: list[dict[str, object]], kind: str) -> list[dict[str, object]]:
    return sorted(rows, key=lambda row: str(row[TARGETS[kind].key[0]]))  # type: ignore[index]


@pytest.mark.parametrize("source", source_files.forms())
def test_what_is_written_as_a_source_exports_it_is_read_back(
    source: str, portfolio: tuple[pa.Table, pa.Table], tmp_path: Path
) -> None:
    """The files are declared complete: of the open orders that were loaded before, they settle their account's own."""
    paths = source_files.write(*portfolio, source, tmp_path)
    with payrec.connect("duckdb://") as engine:
        layers.prepare(engine)
        provider = carried(portfolio, source, "transactions")[0]["provider"] if has_orders(source) else None
        engine.write("raw_transactions", pa.Table.from_pylist(loaded_before(source, provider)), ("order_id",))
        report = payrec.load.source(engine, source, paths, options=OPTIONS if has_orders(source) else OF_EVENTS)
        require_carried(engine, portfolio, source)
        accounts = engine.read("SELECT order_id, source_account, outstanding FROM raw_transactions").to_pylist()
    assert sum(each.rejected + each.duplicates for each in report.loaded) == 0
    assert {row["source_account"] for row in accounts if "account" not in row["order_id"]} <= {source}
    settled = {row["order_id"] for row in accounts if "account" in row["order_id"] and row["outstanding"] is not None}
    assert settled == ({"its own account"} if has_orders(source) else set())


def require_carried(engine: Engine, portfolio: tuple[pa.Table, pa.Table], source: str) -> None:
    for kind in pack_of(source).sql:
        expected = carried(portfolio, source, kind)
        names = ", ".join(expected[0])
        select = f"SELECT {names} FROM raw_{kind} WHERE {TARGETS[kind].key[0]} NOT LIKE '% account'"
        rows = _sorted(engine.read(select).to_pylist(), kind)
        assert [pair for pair in zip_longest(rows, expected) if pair[0] != pair[1]] == []


def has_orders(source: str) -> bool:
    return "transactions" in pack_of(source).sql


def loaded_before(source: str, provider: object) -> list[dict[str, object]]:
    """Return open orders of one provider, from several accounts."""
    accounts = {"its own": source, "another source's": "another", "another": f"{source}:north", "no": None}
    order = {"customer_id": "c", "provider": provider, "currency": "EUR", "amount": Decimal("9.00"),
             "invoice_date": date(2026, 5, 1)}  # fmt: skip
    return [{"order_id": f"{name} account", "source_account": account, **order} for name, account in accounts.items()]


@pytest.mark.parametrize("source", source_files.forms())
def test_a_column_that_was_renamed_is_refused_by_its_name(
    source: str, portfolio: tuple[pa.Table, pa.Table], tmp_path: Path
) -> None:
    paths = source_files.write(*portfolio, source, tmp_path)
    needed = next(each for each in pack_of(source).inputs if not each.is_optional)
    header = needed.columns[needed.required[-1][0]][0]
    for path in paths:
        text = path.read_text()
        path.write_text(text.replace(f'"{header}"', f'"{header} (new)"'))
    with payrec.connect("duckdb://") as engine, pytest.raises(DataRefused) as refused:
        payrec.load.source(engine, source, paths, options=OPTIONS)
    message = str(refused.value)
    assert f"lacks {header}" in message
    assert f"{header} may be {header} (new)" in message


def with_words() -> list[str]:
    return [source for source in source_files.forms() if any(each.words for each in pack_of(source).inputs)]


@pytest.mark.parametrize("source", with_words())
def test_a_status_without_a_meaning_is_refused_and_a_map_gives_it_one(
    source: str, portfolio: tuple[pa.Table, pa.Table], tmp_path: Path
) -> None:
    paths = source_files.write(*portfolio, source, tmp_path)
    inputs = [each for each in pack_of(source).inputs if each.words]
    (column, words), *_ = inputs[0].words.items()
    header = inputs[0].columns[column][0]
    assert all((name,) in each.required for each in inputs for name in each.words)
    word = next(word for word in words if replaced(paths, header, word, "Sonderbar"))
    with payrec.connect("duckdb://") as engine:
        options = OPTIONS if has_orders(source) else OF_EVENTS
        with pytest.raises(DataRefused) as refused:
            payrec.load.source(engine, source, paths, options=options)
        assert f"found the {header} 'Sonderbar'" in str(refused.value)
        assert f'[values.{column}] and below it "Sonderbar" = ' in str(refused.value)
        mapping = from_document({"values": {column: {"Sonderbar": word}}}, "map.toml")
        payrec.load.source(engine, source, paths, mapping, options=options)
        require_carried(engine, portfolio, source)


def replaced(paths: tuple[Path, ...], header: str, word: str, other: str) -> bool:
    """Write another word for one under a header of CSV or a name of JSON; False if no file has it."""
    any_has = False
    for path in paths:
        if path.suffix == ".jsonl":
            text = re.sub(rf'("{header}":\s*)"{word}"', rf'\1"{other}"', path.read_text(), flags=re.IGNORECASE)
        else:
            rows = list(csv.reader(path.read_text().splitlines()))
            at = rows[0].index(header) if header in rows[0] else None
            for row in rows[1:] if at is not None else ():
                row[at] = other if row[at].lower() == word else row[at]
            sink = io.StringIO()
            csv.writer(sink).writerows(rows)
            text = sink.getvalue()
        any_has |= other in text
        path.write_text(text)
    return any_has
