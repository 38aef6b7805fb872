"""Amounts and rates that the whole numbers of the layers can hold: 64 bits of hundredths, also of a customer's sum."""

from __future__ import annotations

from decimal import Decimal

from payrec.common.errors import DataRefused
from payrec.common.text import plain_text, sql_literal
from payrec.data.engines import Engine

LARGEST_MINOR = 9 * 10**18  # hundredths; a whole number of 64 bits holds a little more
MILLION = 1_000_000


def require_in_range(engine: Engine) -> None:
    """Refuse tables whose amounts add up to more than the layers can hold, in their or in the reporting currency.

    Sums are in whole millions, so that they cannot overflow themselves.

    Raises
    ------
    DataRefused
        It names the largest amount and its rate.
    """
    read = engine.read(
        "SELECT currency, CAST(MAX(rate_to_reporting) AS DECIMAL(18, 8)) AS rate FROM fx_rates GROUP BY currency"
    ).to_pylist()
    rates = {row["currency"]: max(Decimal(1), Decimal(row["rate"])) for row in read}
    for table in ("raw_transactions", "raw_events"):
        sums = engine.read(
            f"SELECT currency, CAST(SUM(CAST(FLOOR(ABS(amount) / {MILLION}) AS BIGINT)) AS BIGINT) AS millions "
            f"FROM {table} WHERE amount IS NOT NULL GROUP BY currency"
        ).to_pylist()
        worth = {row["currency"]: row["millions"] * rates.get(row["currency"], Decimal(1)) for row in sums}
        if sum(worth.values()) * MILLION * 100 > LARGEST_MINOR:
            currency = max(worth, key=lambda name: worth[name])
            raise DataRefused(_message(engine, table, currency, rates.get(currency, Decimal(1))))


def _message(engine: Engine, table: str, currency: str | None, rate: Decimal) -> str:
    named = "currency IS NULL" if currency is None else f"currency = {sql_literal(currency)}"
    largest = engine.read(
        f"SELECT order_id, amount FROM {table} WHERE amount IS NOT NULL AND {named} "
        "ORDER BY ABS(amount) DESC NULLS LAST, order_id LIMIT 1"
    ).to_pylist()[0]
    of_rate = f" at a rate of {rate:,f}" if rate > 1 else ""
    return (
        f"found amounts that add up to more than {LARGEST_MINOR // 100:,} {currency or ''}{of_rate}: the largest is "
        f"{largest['amount']:,} of order {plain_text(str(largest['order_id']))!r}\n"
        "expected money that 64 bits of hundredths can hold\ncorrect that amount or the rate, and load again"
    )
