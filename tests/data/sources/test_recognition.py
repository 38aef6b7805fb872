"""A file is recognised by its columns and its values; likeness of names alone proves nothing."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pyarrow as pa
import pytest

import payrec
from payrec.common.errors import UsageError
from payrec.data.sources.packs import packs
from payrec.simulate import source_files
from tests.data.sources.files import headers, write
from tests.data.sources.test_stripe_dashboard import HEADER, ROWS


def test_a_payments_export_is_recognised_with_its_reasons(tmp_path: Path) -> None:
    path = write(tmp_path / "any.csv", HEADER, ROWS)
    (match,) = payrec.sources.recognise(path)
    assert (match.source, match.confidence) == ("stripe-dashboard", 1.0)
    assert match.command(path) == f"payrec load source stripe-dashboard {path}"
    assert len(match.reasons) == 5


def test_an_export_of_a_source_is_not_loaded_as_a_table_of_ours(tmp_path: Path) -> None:
    path = write(tmp_path / "any.csv", HEADER, ROWS)
    command = f"load it with: payrec load source stripe-dashboard {path}"
    with payrec.connect("duckdb://") as engine:
        for loader in (payrec.load.transactions, payrec.load.events):
            with pytest.raises(UsageError, match=re.escape(command)):
                loader(engine, path)
    with pytest.raises(UsageError, match=re.escape(command)):
        payrec.load.write_map(path, "transactions", tmp_path / "map.toml")


def test_a_map_is_written_of_equal_names_alone(tmp_path: Path) -> None:
    path = tmp_path / "orders.csv"
    path.write_text("Order_ID,customer,amount_total,currency,invoice_date,due_date\n1,a,5,EUR,2026-01-31,2026-02-28\n")
    text = payrec.load.write_map(path, "transactions", tmp_path / "map.toml").read_text()
    assert tomllib.loads(text) == {
        "kind": "transactions",
        "columns": {name.lower(): name for name in ("Order_ID", "currency", "invoice_date", "due_date")},
    }
    assert "# amount =" in text
    assert "#   amount_total" in text
    completed = text.replace('# amount = "…"', 'amount = "amount_total" #').replace(
        '# customer_id = "…"', 'customer_id = "customer" #'
    )
    (tmp_path / "map.toml").write_text(completed + '[constants]\npayment_date = ""\n')
    with payrec.connect("duckdb://") as engine:
        assert payrec.load.transactions(engine, path, tmp_path / "map.toml").loaded == 1
    with pytest.raises(UsageError, match="name another file"):
        payrec.load.write_map(path, "transactions", tmp_path / "map.toml")


@pytest.mark.parametrize("name", [(pack.name, each.name) for pack in packs() for each in pack.inputs])
def test_a_header_without_its_values_is_not_recognised(name: tuple[str, str], tmp_path: Path) -> None:
    header = headers(*name)
    assert payrec.sources.recognise(write(tmp_path / "other.csv", header, [dict.fromkeys(header, "#")])) == ()


@pytest.mark.parametrize("source", source_files.forms())
def test_a_file_of_every_source_is_recognised_as_that_source_alone(
    source: str, portfolio: tuple[pa.Table, pa.Table], tmp_path: Path
) -> None:
    """All but open items and lists of customers, whose columns are common to many programs."""
    expected = [] if source == "open-items" else [source]
    written = source_files.write(*portfolio, source, tmp_path)
    for path in (each for each in written if each.stem not in ("customer", "customers", "accounts")):
        assert [match.source for match in payrec.sources.recognise(path)] == expected, path.name


@pytest.mark.parametrize("pack", packs(), ids=lambda pack: pack.name)
def test_a_pack_says_what_it_reads_and_what_a_row_is(pack: payrec.sources.Pack) -> None:
    assert pack.sql
    for select in (*pack.sql.values(), *pack.views.values()):
        assert select.startswith("-- One row is one ")
        assert select.splitlines()[1].startswith("-- Reads ")
    for each in pack.inputs:
        assert {name for names in each.required for name in names} | set(each.evidence) <= set(each.columns)
