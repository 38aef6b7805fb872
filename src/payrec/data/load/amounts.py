"""The SQL that reads an amount: as it stands, scaled, in minor units of its currency, or one column less another."""

from __future__ import annotations

from payrec.common.text import sql_literal, sql_literals
from payrec.data.load import numbers
from payrec.data.load.minor_units import NO_DECIMALS, THREE_DECIMALS, unit_sql
from payrec.data.load.origins import Difference, FromColumn, Minor, Origin, Scaled
from payrec.data.load.targets import Column

_READ_AS = {"amount": "DECIMAL(15, 2)", "rate": "DECIMAL(18, 8)"}  # 13 or 10 digits before the point
_THIRD_DECIMAL = (
    "has a third decimal, which its currency has and payrec's two decimals lose; if rounding is meant, say so in the "
    'map: third_decimal = "round"'
)
_NOT_HUNDREDTHS = (
    "is divided as if it were in hundredths, which its currency does not have: write in the map "
    '[derived] amount = "COLUMN minor" and units = "stripe", "adyen" or "iso" (or "COLUMN * 0.01", if it is meant)'
)


Reasons = list[tuple[str, str]]


def value_sql(column: Column, form: numbers.Form, origin: Origin, *, may_round: bool) -> tuple[str, str, Reasons]:
    """Return SQL: the value, whether it is accepted, and the reasons if it is not, each with its condition.

    ``may_round``: a third decimal of a currency that has three may be rounded away.
    """
    r, p = f"r_{column.name}", f"p_{column.name}"
    plain, number = numbers.plain_sql(r, form), exact(r, form, origin)
    is_money = column.holds == "amount"
    value = f"TRY_CAST({plain if isinstance(origin, FromColumn) else number} AS {_READ_AS[column.holds]})"
    accepted = "TRUE" if is_money else f"{p} > 0"
    reasons: Reasons = []
    if isinstance(origin, Minor):
        reasons.append(("p_currency IS NULL", "has no currency that says its minor unit"))
    if is_money and isinstance(origin, Scaled) and origin.is_divided:
        other = THREE_DECIMALS if origin.factor != "0.001" else ()
        is_wrong = f"coalesce(p_currency IN ({sql_literals((*NO_DECIMALS, *other))}), FALSE)"
        reasons.append((is_wrong, _NOT_HUNDREDTHS))
        accepted = f"NOT {is_wrong}"
    if is_money and not may_round:
        loses = f"coalesce({number} <> {p}, FALSE)"
        has_lost = f"CASE WHEN p_currency IN ({sql_literals(THREE_DECIMALS)}) THEN {loses} ELSE FALSE END"
        accepted = f"NOT {has_lost}" if accepted == "TRUE" else f"{accepted} AND NOT {has_lost}"
        reasons.append((has_lost, _THIRD_DECIMAL))
    return value, accepted, [*reasons, *_reasons(r, p, plain, whole_digits=13 if is_money else 10)]


def _reasons(r: str, p: str, plain: str, whole_digits: int) -> Reasons:
    return [
        (f"regexp_full_match(lower({r}), '[+\\-]?(nan|inf|infinity)')", "is not a number"),
        (f"({plain}) IS NOT NULL AND {p} IS NULL", f"has more than {whole_digits} digits before the point"),
        (f"{p} IS NOT NULL", "must be above 0"),
        (
            f"regexp_full_match(lower({r}), '.*\\d ?(cr|dr)\\.?')",
            "ends with CR or DR: a credit lowers a debt but raises a bank balance; say which is below 0 in the map: "
            'negative = ["CR"]',
        ),
        (f"regexp_matches({r}, '\\d[eE][+\\-]?\\d')", "has an exponent: write the number out"),
        (
            f"regexp_matches({r}, '[^0-9.,+\\- ]')",
            "has characters that belong to no number; strip in the map removes them",
        ),
        ("TRUE", "is no plain number such as 1234.50; a decimal comma must be declared, or proven by the column"),
    ]


def exact(text: str, form: numbers.Form, origin: Origin) -> str:
    """Return SQL: a number before it is rounded, a decimal; NULL if it cannot be read."""
    if isinstance(origin, Difference):
        sides = [f"s{origin.position}", f"s{origin.less}"]
        values = [f"TRY_CAST({numbers.plain_sql(side, form)} AS DECIMAL(26, 6))" for side in sides]
        first, less = (f"CASE WHEN {side} IS NULL THEN 0 ELSE {v} END" for side, v in zip(sides, values, strict=True))
        return f"CASE WHEN {text} IS NOT NULL THEN ({first}) - ({less}) END"
    factor = "1"
    if isinstance(origin, Scaled):
        factor = f"CAST({sql_literal(origin.factor)} AS DECIMAL(9, 4))"
    if isinstance(origin, Minor):
        factor = unit_sql("p_currency", origin.source)
    return f"(TRY_CAST({numbers.plain_sql(text, form)} AS DECIMAL(26, 6)) * {factor})"
