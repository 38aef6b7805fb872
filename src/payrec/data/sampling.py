"""Lots: a number for each key, drawn once and for all by hash, so that any engine, batch or order draws the same."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

Numbers = npt.NDArray[np.uint64]

_OFFSET, _PRIME = np.uint64(0xCBF29CE484222325), np.uint64(0x100000001B3)
_STEP, _FIRST, _SECOND = np.uint64(0x9E3779B97F4A7C15), np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB)


def drawn(keys: pa.Array[Any], seed: int, share: float) -> npt.NDArray[np.bool_]:
    """Mark the keys whose lot falls into the first ``share`` of all numbers, (n,) -> (n,); equal keys go together.

    >>> drawn(pa.array(["a", "b", "a", "c"]), seed=5, share=0.5).tolist()
    [False, True, False, True]
    """
    marks: npt.NDArray[np.bool_] = numbers(keys, seed) < np.uint64(min(max(share, 0.0), 1.0) * (2**64 - 2048))
    return marks


def numbers(keys: pa.Array[Any], seed: int) -> Numbers:
    """Return a number below 2⁶⁴ for each text, (n,) -> (n,), spread evenly whatever the texts have in common.

    FNV-1a (Fowler, Noll, Vo) over the UTF-8 bytes, begun from the seed, then the last steps of SplitMix64
    (Steele, Lea, Flood 2014), since FNV alone spreads short texts badly. NULL counts as the empty text.
    """
    texts: Any = keys.cast(pa.large_string()).fill_null("")
    _, offsets, content = texts.buffers()
    ends = np.frombuffer(offsets, np.int64)[texts.offset : texts.offset + len(texts) + 1]
    signs = np.frombuffer(content, np.uint8) if content is not None else np.zeros(0, np.uint8)
    start, length = ends[:-1], np.diff(ends)
    lots = np.full(len(texts), _spread(np.array([seed % 2**64], np.uint64))[0] ^ _OFFSET)
    longer = np.flatnonzero(length > 0)
    place = 0
    while longer.size:
        lots[longer] = (lots[longer] ^ signs[start[longer] + place]) * _PRIME
        place += 1
        longer = longer[length[longer] > place]
    return _spread(lots)


def _spread(lots: Numbers) -> Numbers:
    mixed = lots + _STEP
    mixed = (mixed ^ (mixed >> np.uint64(30))) * _FIRST
    mixed = (mixed ^ (mixed >> np.uint64(27))) * _SECOND
    return mixed ^ (mixed >> np.uint64(31))


def kept(batch: pa.RecordBatch, share: float, seed: int) -> pa.RecordBatch:
    """Return the rows of whole orders, about ``share`` of them, chosen by hash."""
    return batch.filter(pa.array(drawn(batch.column("order_id"), seed, share)))
