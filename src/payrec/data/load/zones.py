"""Time zones of rows: names of the IANA database, or words that the map translates; an abbreviation is asked for.

``BST`` is London in one file and Dhaka in another, and libraries pick one without a word: so no abbreviation is read.
"""

from __future__ import annotations

from collections.abc import Mapping
from zoneinfo import available_timezones

import duckdb

from payrec.common.errors import DataRefused
from payrec.common.text import sql_literal, terminal_text
from payrec.data.load.layout import LoadPlan

UTC = ("utc", "gmt", "z")
_MEANINGS = {
    "ACST": ("Australia/Adelaide", "America/Rio_Branco"),
    "AST": ("America/Halifax", "Asia/Riyadh"),
    "BST": ("Europe/London", "Asia/Dhaka", "Pacific/Bougainville"),
    "CEST": ("Europe/Berlin",),
    "CET": ("Europe/Berlin",),
    "CDT": ("America/Chicago", "America/Havana"),
    "CST": ("America/Chicago", "Asia/Shanghai", "America/Havana"),
    "EDT": ("America/New_York",),
    "EST": ("America/New_York", "America/Panama", "Australia/Sydney"),
    "IST": ("Asia/Kolkata", "Europe/Dublin", "Asia/Jerusalem"),
    "JST": ("Asia/Tokyo",),
    "MDT": ("America/Denver",),
    "MST": ("America/Denver", "America/Phoenix", "Asia/Kuala_Lumpur"),
    "PDT": ("America/Los_Angeles",),
    "PST": ("America/Los_Angeles", "Asia/Manila"),
    "SST": ("Asia/Singapore", "Pacific/Pago_Pago"),
    "WET": ("Europe/Lisbon",),
}


def word_sql(text: str, declared: str | None, position: int | None) -> str | None:
    """Return SQL: the word for the zone of a row, from its own column or the end of the text; None if there is none."""
    if declared is not None and declared.endswith("%Z"):
        return f"nullif(regexp_extract({text}, '[A-Za-z][A-Za-z_/]*$'), '')"
    return None if position is None else f"s{position}"


def zone_sql(word: str, zones: Mapping[str, str], default: str | None) -> str:
    """Return SQL: the zone that a word of a row means, ``default`` where there is none."""
    cases = [f"WHEN lower({word}) = {sql_literal(each.lower())} THEN {sql_literal(zones[each])}" for each in zones]
    utc = " ".join(f"WHEN lower({word}) = '{each}' THEN 'UTC'" for each in UTC)
    empty = sql_literal(default) if default else "NULL"
    return f"(CASE {' '.join(cases)} {utc} WHEN {word} IS NULL THEN {empty} ELSE {word} END)"


def check(db: duckdb.DuckDBPyConnection, plan: LoadPlan, word: str | None, column: str) -> None:
    """Refuse words for zones (SQL over ``kept``) that are neither names of zones nor in the map.

    Raises
    ------
    DataRefused
        The first such word, and what it may mean.
    """
    if word is None:
        return
    words = db.execute(f"SELECT {word} AS word, MIN(line) FROM kept GROUP BY 1 HAVING word IS NOT NULL ORDER BY 2")
    known = {each.lower() for each in plan.mapping.zones} | set(UTC)
    names = {name for name in available_timezones() if "/" in name}
    for each, line in words.fetchall():
        if each in names or each.lower() in known:
            continue
        shown, meanings = terminal_text(each), _MEANINGS.get(each.upper(), ())
        may_be = f"it may be {' or '.join(meanings)}" if meanings else "expected a name such as Europe/Rome"
        raise DataRefused(
            f"{plan.file}: {column} has the time zone {shown!r} (line {line}): {may_be}\n"
            f'say which in the map: [zones] {shown} = "{(*meanings, "Europe/Rome")[0]}"'
        )
