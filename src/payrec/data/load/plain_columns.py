"""Columns in plain form: typed by Arrow while the file is read. Every other column is typed by SQL, value by value.

A column is plain if each of its values is: short text, ISO days, times without a zone, amounts of at most two decimals,
words that are ours already. SQL would read them to the same values, reject none of them and have nothing to say; Arrow
takes a twentieth of the time. One other value in the file, and SQL reads the whole column.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from payrec.data.load import dates
from payrec.data.load.layout import LoadPlan
from payrec.data.load.origins import FromColumn, PlannedColumn
from payrec.data.load.targets import EVENT_TYPES, STATUS_WORDS, Column

Plain = Mapping[int, Column]  # position in the file → the column of ours that it fills
Texts = Any  # an Arrow column of text, NULL where it is empty
MOST_WORDS = 1_000  # of a column of words; with more of them it is none
_DECIMALS = 2
_LENGTH_OF_DAY, _LENGTHS_OF_TIME = 10, (19, 26)  # 2025-01-31, 2025-01-31 10:20:30 with up to six decimals


def candidates(plan: LoadPlan) -> dict[int, Column]:
    """Return the columns of a file that may be plain: those the map does not change, each read for one of ours."""
    mapping = plan.mapping
    if plan.dialect.form != "CSV" or mapping.empty or plan.is_by_line:  # by line: rows are equal by their text
        return {}
    uses = Counter(position for each in plan.columns for position in each.positions())
    uses.update(position for position, _ in plan.only)
    uses.update(position for position in (plan.zone, *(plan.one_per or ())) if position is not None)
    for carried in plan.carried:
        uses.update([carried.by, carried.source, carried.position, *(position for position, _ in carried.conditions)])
    return {
        position: each.column
        for each in plan.columns
        for position in each.positions()
        if uses[position] == 1 and isinstance(each.origin, FromColumn) and _is_read_as_it_stands(each, plan)
    }


def _is_read_as_it_stands(planned: PlannedColumn, plan: LoadPlan) -> bool:
    mapping, name, holds = plan.mapping, planned.column.name, planned.column.holds
    if holds not in _TYPED or len(planned.positions()) > 1 or name in mapping.values or name in mapping.extract:
        return False
    if holds == "amount":
        return not (mapping.decimal or mapping.thousands or mapping.strip or mapping.negative)
    if holds in ("day", "time"):
        has_zone = holds == "time" and (mapping.time_zone is not None or mapping.zone_column is not None)
        return mapping.date_format is None and name not in mapping.formats and not has_zone
    return True


def typed(texts: Texts, column: Column, now: datetime | None) -> Any:
    """Return the values of a column of text, None if one of them is not plain."""
    if column.filled and texts.null_count:
        return None
    if texts.null_count == len(texts):
        return pc.cast(texts, _TYPED[column.holds][0])
    try:
        return _TYPED[column.holds][1](texts, column, now)
    except pa.ArrowInvalid:
        return None


def batches(rows: pa.Table, plan: LoadPlan, dropped: pa.Array[Any]) -> Iterator[pa.RecordBatch]:
    """Yield staged rows of which all columns are plain as rows of the raw table, without the lines in ``dropped``."""
    for batch in rows.to_batches():
        columns: list[Any] = [
            batch.column(f"c{min(each.positions())}") if each.positions() else _empty(each.column, batch.num_rows)
            for each in plan.columns
        ]
        named = pa.RecordBatch.from_arrays(columns, [each.column.name for each in plan.columns])
        if len(dropped):
            is_dropped: Any = pc.is_in(batch.column("line"), value_set=dropped)
            named = named.filter(pc.invert(is_dropped))
        yield named


def _empty(column: Column, rows: int) -> Any:
    kind: Any = _TYPED[column.holds][0]
    return pa.nulls(rows, kind)


def _ends(values: Any) -> tuple[Any, Any]:
    """Return the least and the greatest value."""
    ends: Any = pc.min_max(values)
    return ends["min"].as_py(), ends["max"].as_py()


def _lengths(texts: Texts) -> tuple[int, int]:
    return _ends(pc.binary_length(texts))


def _text(texts: Texts, column: Column, _: datetime | None) -> Any:
    return texts if _lengths(texts)[1] <= column.length else None


def _words(are_ours: Callable[[str], bool]) -> Callable[[Texts, Column, datetime | None], Any]:
    def read(texts: Texts, _: Column, __: datetime | None) -> Any:
        words = pc.unique(texts.slice(0, MOST_WORDS * 10))
        words = words if len(words) > MOST_WORDS else pc.unique(texts)
        is_plain = len(words) <= MOST_WORDS and all(word is None or are_ours(word) for word in words.to_pylist())
        return texts if is_plain else None

    return read


def _amount(texts: Texts, _: Column, __: datetime | None) -> Any:
    if not _has_only(texts, b"0123456789.-"):  # Arrow reads 1e5, too
        return None
    points: Any = pc.find_substring(texts, ".")
    lengths: Any = pc.binary_length(texts)
    decimals: Any = pc.subtract(pc.subtract(lengths, points), pa.scalar(1, pa.int32()))
    fewest, most = _ends(pc.if_else(pc.less(points, pa.scalar(0, pa.int32())), pa.scalar(1, pa.int32()), decimals))
    if not 1 <= fewest <= most <= _DECIMALS:
        return None
    return pc.cast(pc.cast(texts, pa.decimal128(15, _DECIMALS)), pa.decimal128(18, _DECIMALS))


def _day(texts: Texts, column: Column, now: datetime | None) -> Any:
    if _lengths(texts) != (_LENGTH_OF_DAY, _LENGTH_OF_DAY):
        return None
    days: Any = pc.cast(texts, pa.date32())
    first, last = _ends(days)
    is_meant = first.isoformat() >= dates.EARLIEST and last <= dates.latest(column, now).date()
    return days if is_meant else None


def _time(texts: Texts, column: Column, now: datetime | None) -> Any:
    shortest, longest = _lengths(texts)
    if shortest < _LENGTHS_OF_TIME[0] or longest > _LENGTHS_OF_TIME[1]:
        return None
    times: Any = pc.cast(texts, pa.timestamp("us"))
    first, last = _ends(times)
    is_meant = first.isoformat() >= dates.EARLIEST and last <= dates.latest(column, now)
    return times if is_meant else None


def _integer(texts: Texts, _: Column, __: datetime | None) -> Any:
    if not _has_only(texts, b"0123456789") or _lengths(texts)[1] > 9:  # Arrow reads 0x10, too
        return None
    return pc.cast(texts, pa.int32())


def _flag(texts: Texts, _: Column, __: datetime | None) -> Any:
    if not _has_only(texts, b"01") or _lengths(texts)[1] > 1:
        return None
    return pc.cast(texts, pa.int16())


def _has_only(texts: Texts, signs: bytes) -> bool:
    is_allowed = np.zeros(256, dtype=bool)
    is_allowed[list(signs)] = True
    return all(bool(is_allowed[_bytes(chunk)].all()) for chunk in texts.chunks)


def _bytes(texts: Texts) -> npt.NDArray[np.uint8]:
    """Return the bytes of all texts, one after the other."""
    _, offsets, data = texts.buffers()
    if offsets is None or data is None:
        return np.zeros(0, dtype=np.uint8)
    ends: npt.NDArray[np.int32] = np.frombuffer(offsets, dtype=np.int32)
    signs: npt.NDArray[np.uint8] = np.frombuffer(data, dtype=np.uint8)
    return signs[ends[texts.offset] : ends[texts.offset + len(texts)]]


_IS_CURRENCY = re.compile("[A-Z]{3}")
_TYPED: dict[str, tuple[pa.DataType, Callable[[Texts, Column, datetime | None], Any]]] = {
    "text": (pa.string(), _text),
    "currency": (pa.string(), _words(lambda word: _IS_CURRENCY.fullmatch(word) is not None)),
    "event_type": (pa.string(), _words(EVENT_TYPES.__contains__)),
    "status": (pa.string(), _words(STATUS_WORDS.__contains__)),
    "amount": (pa.decimal128(18, _DECIMALS), _amount),
    "integer": (pa.int32(), _integer),
    "flag": (pa.int16(), _flag),
    "day": (pa.date32(), _day),
    "time": (pa.timestamp("us"), _time),
}
