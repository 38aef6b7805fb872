"""Sampling by hash: whether a key is drawn depends on the key and the seed alone, not on engine, batch or order."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

Hashes = npt.NDArray[np.uint64]

_OFFSET, _PRIME = np.uint64(0xCBF29CE484222325), np.uint64(0x100000001B3)
_STEP, _FIRST, _SECOND = np.uint64(0x9E3779B97F4A7C15), np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB)


def is_sampled(keys: pa.Array[Any], seed: int, share: float) -> npt.NDArray[np.bool_]:
    """Mark the keys whose hash lies in the first ``share`` of all numbers, (n,) -> (n,); equal keys go together.

    >>> is_sampled(pa.array(["a", "b", "a", "c"]), seed=5, share=0.5).tolist()
    [False, True, False, True]
    """
    marks: npt.NDArray[np.bool_] = hash_numbers(keys, seed) < np.uint64(min(max(share, 0.0), 1.0) * (2**64 - 2048))
    return marks


def hash_numbers(keys: pa.Array[Any], seed: int) -> Hashes:
    """Return a number below 2⁶⁴ for each text, (n,) -> (n,), spread evenly even if the texts have much in common.

    FNV-1a (Fowler, Noll, Vo) over the UTF-8 bytes, begun from the seed, then the last steps of SplitMix64
    (Steele, Lea, Flood 2014), since FNV alone spreads short texts badly. NULL counts as the empty text.
    """
    texts: Any = keys.cast(pa.large_string()).fill_null("")
    _, offsets, content = texts.buffers()
    ends = np.frombuffer(offsets, np.int64)[texts.offset : texts.offset + len(texts) + 1]
    signs = np.frombuffer(content, np.uint8) if content is not None else np.zeros(0, np.uint8)
    start, length = ends[:-1], np.diff(ends)
    hashes = np.full(len(texts), _spread(np.array([seed % 2**64], np.uint64))[0] ^ _OFFSET)
    longer = np.flatnonzero(length > 0)
    position = 0
    while longer.size:
        hashes[longer] = (hashes[longer] ^ signs[start[longer] + position]) * _PRIME
        position += 1
        longer = longer[length[longer] > position]
    return _spread(hashes)


def _spread(hashes: Hashes) -> Hashes:
    mixed = hashes + _STEP
    mixed = (mixed ^ (mixed >> np.uint64(30))) * _FIRST
    mixed = (mixed ^ (mixed >> np.uint64(27))) * _SECOND
    return mixed ^ (mixed >> np.uint64(31))


def sample_orders(batch: pa.RecordBatch, share: float, seed: int) -> pa.RecordBatch:
    """Return the rows of whole orders, about ``share`` of them, chosen by hash."""
    return batch.filter(pa.array(is_sampled(batch.column("order_id"), seed, share)))
