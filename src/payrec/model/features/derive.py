"""Compute each feature from columns of the feature view: small functions for :mod:`declarations`.

A maker takes the columns and the vocabulary and returns float32 numbers (NaN = unknown) or int16 codes, shape (n,).
Everything is element-wise: a row's features depend on that row alone.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from payrec.model.features.view_columns import NO_DAY, Float32s, LevelCodes, ViewColumns, day_numbers
from payrec.model.features.vocabulary import FIRST_LEVEL, OTHER, UNKNOWN, Shrinkage, Vocabulary

NumberMaker = Callable[[ViewColumns, Vocabulary], Float32s]
CodeMaker = Callable[[ViewColumns, Vocabulary], LevelCodes]

NO_SHRINKAGE = Shrinkage(0.5, 1.0)


def plain(name: str) -> NumberMaker:
    """Take the column as it is."""
    return lambda columns, _: columns.number(name)


def hundredths(name: str) -> NumberMaker:
    """Turn hundredths into whole units."""
    return lambda columns, _: columns.number(name) / np.float32(100)


def difference(name: str, less: str) -> NumberMaker:
    """``name - less``, at least 0."""
    return lambda columns, _: np.maximum(columns.number(name) - columns.number(less), np.float32(0))


def days_until(name: str, start: str) -> NumberMaker:
    """Days from the time ``start`` to the time ``name``."""
    return lambda columns, _: columns.days_until(name, start)


def share(part: str, whole: str) -> NumberMaker:
    """``part / whole``, unknown where ``whole`` is not positive."""

    def make(columns: ViewColumns, _: Vocabulary) -> Float32s:
        return _ratio(columns.number(part), columns.number(whole))

    return make


def share_of_few(part: str, whole: str, most: int) -> NumberMaker:
    """``part / min(whole, most)``: the mean of a sum over at most the last ``most``."""

    def make(columns: ViewColumns, _: Vocabulary) -> Float32s:
        return _ratio(columns.number(part), np.minimum(columns.number(whole), np.float32(most)))

    return make


def percent_of_typical(name: str) -> NumberMaker:
    """Divide an amount in hundredths by the typical amount of its currency, in percent."""

    def make(columns: ViewColumns, vocabulary: Vocabulary) -> Float32s:
        typical = np.full(vocabulary.size("currency"), vocabulary.typical_minor_overall, np.float32)
        for position, level in enumerate(vocabulary.levels.get("currency", ())):
            typical[FIRST_LEVEL + position] = vocabulary.typical_minor.get(level, vocabulary.typical_minor_overall)
        factor = np.float32(100) / typical
        percent: Float32s = columns.number(name) * factor[text_codes(columns, vocabulary, "currency")]
        return percent

    return make


def shrunk(feature: str, part: str, whole: str) -> NumberMaker:
    """(part + weight · mean) / (whole + weight): a rate shrunk towards the fitted mean, more so with fewer cases."""

    def make(columns: ViewColumns, vocabulary: Vocabulary) -> Float32s:
        prior = vocabulary.shrinkage.get(feature, NO_SHRINKAGE)
        pull, weight = np.float32(prior.mean * prior.weight), np.float32(prior.weight)
        return (columns.number(part) + pull) / (columns.number(whole) + weight)

    return make


def shrunk_to_segment(feature: str, part: str, whole: str) -> NumberMaker:
    """Like :func:`shrunk`, shrunk towards the mean of the row's provider and reason instead of the overall mean."""

    def make(columns: ViewColumns, vocabulary: Vocabulary) -> Float32s:
        prior = vocabulary.shrinkage.get(feature, NO_SHRINKAGE)
        weight = np.float32(prior.weight)
        pull = np.asarray(vocabulary.segment_means or (prior.mean,), np.float32) * weight
        at = segments(columns, vocabulary) if vocabulary.segment_means else np.zeros(columns.n, np.int32)
        rate: Float32s = (columns.number(part) + pull[at]) / (columns.number(whole) + weight)
        return rate

    return make


def shrunk_weights(feature: str, part: str, whole: str, unit: str) -> NumberMaker:
    """Like :func:`shrunk`, of sums of weights; ``unit`` is the weight of one case of today."""

    def make(columns: ViewColumns, vocabulary: Vocabulary) -> Float32s:
        prior = vocabulary.shrinkage.get(feature, NO_SHRINKAGE)
        weight = columns.number(unit) * np.float32(prior.weight)
        return _ratio(columns.number(part) + weight * np.float32(prior.mean), columns.number(whole) + weight)

    return make


def segments(columns: ViewColumns, vocabulary: Vocabulary) -> npt.NDArray[np.int32]:
    """Return the position of each row's (provider, reason) in ``segment_means``, shape (n,)."""
    provider = text_codes(columns, vocabulary, "provider").astype(np.int32)
    return provider * vocabulary.size("reason_code") + text_codes(columns, vocabulary, "reason_code")


def text_codes(columns: ViewColumns, vocabulary: Vocabulary, name: str) -> LevelCodes:
    """Return the code of each row's text in column ``name``, shape (n,)."""
    if name not in columns.codes:
        columns.codes[name] = _text_codes(columns.array(name), vocabulary.levels.get(name, ()), columns.n)
    return columns.codes[name]


def _text_codes(array: pa.Array[Any] | None, levels: tuple[str, ...], n: int) -> LevelCodes:
    if array is None or array.null_count == len(array):
        return np.full(n, UNKNOWN, np.int16)
    encoded: Any = array if pa.types.is_dictionary(array.type) else array.cast(pa.string()).dictionary_encode()
    known = {level: FIRST_LEVEL + position for position, level in enumerate(levels)}
    words = encoded.dictionary.cast(pa.string()).to_pylist()
    # the last entry serves the NULLs, whose index is made -1
    table = np.array([UNKNOWN if word is None else known.get(word, OTHER) for word in words] + [UNKNOWN], np.int16)
    codes: LevelCodes = table[encoded.indices.fill_null(-1).to_numpy(zero_copy_only=False)]
    return codes


def flag(name: str) -> CodeMaker:
    """0 = no, anything else = yes."""

    def make(columns: ViewColumns, _: Vocabulary) -> LevelCodes:
        return _by_table(columns.number(name), np.array([0, 1], np.int16))

    return make


def bands(name: str, starts: tuple[int, ...]) -> CodeMaker:
    """Band of a whole number: the first is below ``starts[0]``, the last from ``starts[-1]`` on."""
    first = min(starts[0], 1) - 1
    table = np.searchsorted(np.array(starts), np.arange(first, starts[-1] + 1), side="right").astype(np.int16)

    def make(columns: ViewColumns, _: Vocabulary) -> LevelCodes:
        number = columns.number(name) - np.float32(first)
        return _by_table(np.where(number < 0, np.float32(0), number) if starts[0] <= 0 else number, table)

    return make


def weekday(columns: ViewColumns, _: Vocabulary) -> LevelCodes:
    """Return the day of the week of as_of, Monday first."""
    days = day_numbers(columns, "as_of")
    code = ((days + 3) % 7 + FIRST_LEVEL).astype(np.int16)  # 1970-01-01 was a Thursday
    return np.where(days == NO_DAY, np.int16(UNKNOWN), code)


def day_of_month(columns: ViewColumns, _: Vocabulary) -> LevelCodes:
    """Return the day of the month of as_of, 1 to 31."""
    days = day_numbers(columns, "as_of")
    known = days != NO_DAY
    if not known.any():
        return np.full(columns.n, UNKNOWN, np.int16)
    first = int(days[known].min())
    dates = np.arange(first, int(days.max()) + 1).astype("datetime64[D]")
    table = (dates - dates.astype("datetime64[M]")).astype(np.int16) + np.int16(FIRST_LEVEL)
    return np.where(known, table[np.where(known, days - first, 0)], np.int16(UNKNOWN))


def month(columns: ViewColumns, vocabulary: Vocabulary) -> LevelCodes:
    """Return the month of as_of, January first; unknown where training did not span whole years."""
    days = day_numbers(columns, "as_of")
    if not vocabulary.levels.get("month"):
        return np.full(columns.n, UNKNOWN, np.int16)
    months = days.astype("datetime64[D]").astype("datetime64[M]").astype(np.int64) % 12
    return np.where(days == NO_DAY, np.int16(UNKNOWN), (months + FIRST_LEVEL).astype(np.int16))


def customer(columns: ViewColumns, vocabulary: Vocabulary) -> LevelCodes:
    """Return the level of each row's customer, by the hash of its id."""
    levels, array = vocabulary.levels.get("customer", ()), columns.array("customer_id")
    if not levels or array is None or array.null_count == len(array):
        return np.full(columns.n, UNKNOWN, np.int16)
    known = {level: FIRST_LEVEL + position for position, level in enumerate(levels)}
    encoded: Any = array.cast(pa.string()).dictionary_encode()
    of_id = [known.get(customer_hash(one), OTHER) for one in encoded.dictionary.to_pylist()]
    codes: LevelCodes = np.array([*of_id, UNKNOWN], np.int16)[
        encoded.indices.fill_null(-1).to_numpy(zero_copy_only=False)
    ]
    return codes


def customer_hash(customer_id: str) -> str:
    """Return what stands for a customer in a bundle: 16 hexadecimal digits of its id's hash."""
    return hashlib.blake2b(customer_id.encode(), digest_size=8).hexdigest()


def promise(columns: ViewColumns, _: Vocabulary) -> LevelCodes:
    """Return whether a promise to pay is live at as_of, and whether it falls due within a week; NULL is none."""
    days = columns.days_until("promised_until", "as_of")
    kind = np.where(days <= 7, np.int16(1), np.int16(2))
    return np.where(np.isnan(days) | (days < 0), np.int16(0), kind) + np.int16(FIRST_LEVEL)


def _by_table(numbers: Float32s, table: LevelCodes) -> LevelCodes:
    """Look up whole numbers in ``table`` (cut to its ends); NaN and negative numbers are unknown."""
    top = np.float32(len(table) - 1)
    at = (np.fmin(np.fmax(numbers, np.float32(-1)), top) + np.float32(1)).astype(np.int16)
    return np.concatenate(([np.int16(UNKNOWN)], table + np.int16(FIRST_LEVEL)))[at]


def _ratio(part: Float32s, whole: Float32s) -> Float32s:
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = part / whole
    return np.where(whole > 0, ratio, np.float32(np.nan))
