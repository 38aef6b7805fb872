"""Sums that 64 bits cannot hold are refused when they are loaded, with the order that makes them; nothing stays."""

from __future__ import annotations

from pathlib import Path

import pytest

import payrec
from payrec.common.errors import DataRefused
from payrec.data import layers
from payrec.data.engines import Engine

HEAD = "order_id,customer_id,amount,currency,invoice_date,payment_date\n"
RATE = "currency,rate_date,rate_to_reporting\n{},2024-01-01,{}\n"


def orders(folder: Path, *amounts: str) -> Path:
    path = folder / "orders.csv"
    rows = (f"o{n},c1,{amount},EUR,2024-03-01,\n" for n, amount in enumerate(amounts))
    path.write_text(HEAD + "".join(rows), encoding="utf-8")
    return path


def rates(folder: Path, currency: str, rate: str) -> Path:
    path = folder / "fx.csv"
    path.write_text(RATE.format(currency, rate), encoding="utf-8")
    return path


def test_fault_66_a_rate_that_makes_an_order_too_large_is_refused_with_the_order(
    engine: Engine, tmp_path: Path
) -> None:
    payrec.load.transactions(engine, orders(tmp_path, "12.00", "9000000000000.00"))
    with pytest.raises(DataRefused, match=r"(?s)9,999,999,999.*9,000,000,000,000.00 of order 'o1'.*64 bits") as refused:
        payrec.load.fx(engine, rates(tmp_path, "EUR", "9999999999"), reporting_currency="USD")
    assert len(str(refused.value).splitlines()) == 3
    assert layers.count(engine, "fx_rates") == 0, "all or nothing"
    payrec.load.fx(engine, rates(tmp_path, "EUR", "1.08"), reporting_currency="USD")
    built = payrec.build(engine)
    assert built.rows["snapshots"] > 0


def test_fault_66_many_orders_at_the_limit_of_a_column_are_refused_together(engine: Engine, tmp_path: Path) -> None:
    with pytest.raises(DataRefused, match="add up to more than 90,000,000,000,000,000 EUR"):
        payrec.load.transactions(engine, orders(tmp_path, *["9999999999999.99"] * 12_000))
    assert layers.count(engine, "raw_transactions") == 0
    payrec.load.transactions(engine, orders(tmp_path, *["9999999999999.99"] * 100))
    assert layers.count(engine, "raw_transactions") == 100
