"""A simulated portfolio, written as a source exports it and read back, gives the raw tables that the form can carry.

``carried/NAME.transactions.sql``, ``.events.sql`` and ``.customers.sql`` say what that is, from the portfolio itself.
"""

from __future__ import annotations

from datetime import datetime
from itertools import zip_longest
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.compute as pc
import pytest

import payrec
from payrec.common.errors import DataRefused
from payrec.data.load import TARGETS
from payrec.data.load.stated import IS_OPEN
from payrec.data.sources.packs import pack_of
from payrec.simulate import source_files

CARRIED = Path(__file__).parent / "carried"
OPTIONS = payrec.load.Options(stated_at=datetime(2026, 7, 1), max_rejected_share=0.0)


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
    paths = source_files.write(*portfolio, source, tmp_path)
    with payrec.connect("duckdb://") as engine:
        report = payrec.load.source(engine, source, paths, options=OPTIONS)
        for kind in pack_of(source).sql:
            expected = carried(portfolio, source, kind)
            names = ", ".join(expected[0])
            rows = _sorted(engine.read(f"SELECT {names} FROM raw_{kind}").to_pylist(), kind)
            assert [pair for pair in zip_longest(rows, expected) if pair[0] != pair[1]] == []
    assert sum(each.rejected + each.duplicates for each in report.loaded) == 0


@pytest.mark.parametrize("source", source_files.forms())
def test_a_column_that_was_renamed_is_refused_by_its_name(
    source: str, portfolio: tuple[pa.Table, pa.Table], tmp_path: Path
) -> None:
    paths = source_files.write(*portfolio, source, tmp_path)
    needed = next(each for each in pack_of(source).inputs if not each.is_optional)
    header = needed.columns[needed.required[-1]][0]
    for path in paths:
        text = path.read_text()
        path.write_text(text.replace(f'"{header}"', f'"{header} (new)"'))
    with payrec.connect("duckdb://") as engine, pytest.raises(DataRefused) as refused:
        payrec.load.source(engine, source, paths, options=OPTIONS)
    message = str(refused.value)
    assert f"lacks {header}" in message
    assert f"{header} may be {header} (new)" in message


def _open_items(engine: payrec.Engine) -> dict[str, object]:
    """Return the outstanding amount of each order without a payment date that is open."""
    select = f"SELECT order_id, outstanding, amount FROM raw_transactions WHERE {IS_OPEN}"
    return {row["order_id"]: row for row in engine.read(select).to_pylist()}


@pytest.mark.parametrize("source", [name for name in source_files.forms() if "transactions" in pack_of(name).sql])
def test_a_complete_file_settles_what_is_gone_from_its_own_account_alone(
    source: str, portfolio: tuple[pa.Table, pa.Table], tmp_path: Path
) -> None:
    """Two accounts of a source share its provider; what is gone from the one says nothing of the other."""
    orders, events = portfolio
    numbers = pc.cast(pc.utf8_slice_codeunits(orders["order_id"], 1), pa.int64())
    parts = [orders.filter(pc.equal(pc.bit_wise_and(numbers, 3), part)) for part in (0, 1)]

    def load(engine: payrec.Engine, rows: pa.Table, account: str, day: int) -> None:
        own = events.filter(pc.is_in(events["order_id"], value_set=rows["order_id"].combine_chunks()))
        (folder := tmp_path / f"{account}{day}").mkdir()
        mapping = payrec.load.Mapping(constants={"source_account": account} if account else {})
        options = payrec.load.Options(stated_at=datetime(2026, 7, day), complete=True, max_rejected_share=0.0)
        payrec.load.source(engine, source, source_files.write(rows, own, source, folder), mapping, options=options)

    with payrec.connect("duckdb://") as engine:
        load(engine, parts[0], "", 1)
        others = _open_items(engine)
        load(engine, parts[1], "north", 2)
        mine = {order: row for order, row in _open_items(engine).items() if order not in others}
        assert mine
        assert others.items() <= _open_items(engine).items()
        load(engine, parts[1].slice(parts[1].num_rows // 2), "north", 3)
        left = _open_items(engine)
        assert others.items() <= left.items()
        assert len(left) < len(others) + len(mine)
