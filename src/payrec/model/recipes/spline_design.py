"""The columns of the logistic regression: numbers as piecewise linear curves, categories one-hot, pairs of them.

Columns of one term are adjacent; the last column is the constant.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.sparse import block_diag, csr_matrix

from payrec.common.arrow import Floats
from payrec.common.short_repr import short_repr
from payrec.model.features.declarations import CATEGORIES, NUMBERS
from payrec.model.features.matrix import Matrix
from payrec.model.features.vocabulary import FIRST_LEVEL, Vocabulary
from payrec.model.recipes.additive import (
    BLOCK,
    CATEGORY_AT,
    CELLS,
    NUMBER_AT,
    AdditiveModel,
    CategoryTerm,
    Curve,
    Pair,
    Slope,
)

RIDGE_OF_CONSTANT = 1e-6
MIN_PAIR_ROWS = 30

PAIRS = (("reason_code", "provider"), ("reason_code", "age_band"), ("reason_code", "transaction_type"))
# What is known of a customer or an order says less, and other things, the longer the order has been open.
SLOPES = (
    *(
        ("age_band", name)
        for name in (
            "cust_in_time_rate",
            "cust_failure_rate",
            "cust_missed",
            "cust_orders",
            "cust_open",
            "cust_failures_90d",
            "cust_days_to_pay",
            "cust_days_since_payment",
            "outstanding_relative",
            "days_to_due",
        )
    ),
    ("reason_code", "cust_in_time_rate"),
    ("reason_code", "attempts"),
    ("transaction_type", "age_days"),
)


@short_repr
@dataclass(frozen=True)
class LogisticOptions:
    """Options of a logistic regression.

    ``knots`` of each curve; 2 gives a straight line. The change of slope is regularised by ``smoothness`` times the
    penalty of a coefficient; without it, curves fit single customers who appear in many rows.
    """

    knots: int = 12
    interactions: bool = True
    logs: bool = True
    balanced: bool = False
    smoothness: float = 3.0


# The original's recipe: numbers as they are in straight lines, one column for each category, balanced classes.
ORIGINAL = LogisticOptions(knots=2, interactions=False, logs=False, balanced=True)


@short_repr
@dataclass(frozen=True)
class Design:
    """The columns of a regression.

    Attributes
    ----------
    empty
        The terms with zeros in them.
    widths
        Count of columns of each term, in the order of curves, levels, pairs, slopes.
    columns
        Sparse, shape (n, sum of widths + 1).
    penalty
        Sparse and symmetric: what a strength of 1 adds to the second derivative.
    """

    empty: AdditiveModel
    widths: tuple[int, ...]
    columns: csr_matrix
    penalty: csr_matrix


@dataclass(frozen=True)
class _Block:
    """Some of a term's ``width`` columns for each row, and the row's value in each of these."""

    columns: npt.NDArray[np.int32]
    values: npt.NDArray[np.float32]
    width: int


def build(inputs: Matrix, vocabulary: Vocabulary, options: LogisticOptions) -> Design:
    """Make the columns of all terms that vary in ``inputs``, with knots at quantiles of its numbers."""
    empty = _skeleton(inputs, vocabulary, options)
    widths = tuple(block.width for block in _blocks(empty, inputs.take(slice(0, 1))))
    penalty = _penalty(empty, widths, options.smoothness)
    return Design(empty, widths, _sparse(empty, widths, inputs), penalty)


def first_rows(of: Design, rows: int) -> csr_matrix:
    """Return the columns of the first ``rows`` rows, without copying them."""
    whole, ends = of.columns, of.columns.indptr[: rows + 1]
    return csr_matrix((whole.data[: ends[-1]], whole.indices[: ends[-1]], ends), shape=(rows, whole.shape[1]))


def _penalty(empty: AdditiveModel, widths: tuple[int, ...], smoothness: float) -> csr_matrix:
    """Ridge on every coefficient but the constant; on curves also on the change of slope from knot to knot."""
    parts = [np.eye(width) for width in widths]
    for part, curve in zip(parts, empty.curves, strict=False):
        part[1:-1, 1:-1] += smoothness * _bending(curve)
    return block_diag([*parts, csr_matrix([[RIDGE_OF_CONSTANT]])], format="csr")


def _bending(curve: Curve) -> Floats:
    """DᵀD with D the change of slope at each inner knot, the whole width as the unit of length."""
    at = np.array(curve.cells) / CELLS
    change = np.zeros((max(len(at) - 2, 0), len(at)))
    for knot in range(len(at) - 2):
        left, right = at[knot + 1] - at[knot], at[knot + 2] - at[knot + 1]
        width = np.sqrt((left + right) / 2)
        change[knot, knot : knot + 3] = np.array([1 / left, -1 / left - 1 / right, 1 / right]) * width
    return change.T @ change


def _skeleton(inputs: Matrix, vocabulary: Vocabulary, options: LogisticOptions) -> AdditiveModel:
    """Tables of the right shape with zeros in them: which terms there are, and where the knots lie."""
    curves = []
    for feature in NUMBERS:
        scale = feature.scale if options.logs else "linear"
        curve = _curve(feature.name, scale, inputs.numbers[:, NUMBER_AT[feature.name]], options.knots)
        if curve is not None:
            curves.append(curve)
    sizes = {feature.name: len(feature.levels) + FIRST_LEVEL for feature in CATEGORIES}
    sizes |= {name: vocabulary.size(name) for name in vocabulary.levels}
    varied = {name for name, at in CATEGORY_AT.items() if len(inputs) and np.ptp(inputs.codes[:, at])}
    levels = tuple(CategoryTerm(name, (0.0,) * sizes[name]) for name in CATEGORY_AT if name in varied)
    if not options.interactions:
        return AdditiveModel(0.0, tuple(curves), levels, (), ())
    pairs = tuple(_pair((a, b), (sizes[a], sizes[b]), inputs) for a, b in PAIRS if a in varied and b in varied)
    moving = {curve.feature: curve for curve in curves}
    slopes = tuple(
        Slope((a, b), _mean(moving[b], inputs), (0.0,) * sizes[a], 0.0)
        for a, b in SLOPES
        if a in varied and b in moving
    )
    return AdditiveModel(0.0, tuple(curves), levels, pairs, slopes)


def _pair(features: tuple[str, str], shape: tuple[int, int], inputs: Matrix) -> Pair:
    cells = np.nonzero(np.bincount(_cell(features, shape, inputs), minlength=shape[0] * shape[1]) >= MIN_PAIR_ROWS)[0]
    return Pair(features, shape, tuple(cells.tolist()), (0.0,) * len(cells), 0.0)


def _cell(features: tuple[str, str], shape: tuple[int, int], inputs: Matrix) -> npt.NDArray[np.int32]:
    first, second = (inputs.codes[:, CATEGORY_AT[name]].astype(np.int32) for name in features)
    return first * np.int32(shape[1]) + second


def _curve(name: str, scale: str, numbers: npt.NDArray[np.float32], knots: int) -> Curve | None:
    """Knots at quantiles of the known numbers, moved to the grid; None where nothing varies."""
    known = numbers[~np.isnan(numbers)].astype(np.float64)
    if scale == "log":
        known = np.log1p(np.maximum(known, 0.0))
    if not len(known):
        return None
    outer = (0.0, 1.0) if knots == 2 else (0.002, 0.998)
    low, high = (float(np.float32(q)) for q in np.quantile(known, outer))
    if not high - low > 1e-6 * max(abs(low), abs(high)):
        if len(known) == len(numbers):
            return None
        high = low + 1.0  # one known value: the curve is flat, but unknown differs
    at = np.quantile(known, np.linspace(0.0, 1.0, knots))
    cells = np.unique(np.clip(np.rint((at - low) * CELLS / (high - low)), 0, CELLS).astype(int))
    cells = np.unique(np.concatenate(([0], cells, [CELLS])))
    return Curve(
        name, "log" if scale == "log" else "linear", low, high, tuple(cells.tolist()), (0.0,) * len(cells), 0.0
    )


def _mean(curve: Curve, inputs: Matrix) -> float:
    position = curve.position(inputs.numbers[:, NUMBER_AT[curve.feature]])
    return float(np.nanmean(position.astype(np.float64)))


def _blocks(tables: AdditiveModel, inputs: Matrix) -> Iterator[_Block]:
    """Yield the design's columns of each term, in the order in which :func:`_filled` takes them back."""
    positions = {}
    for curve in tables.curves:
        position = curve.position(inputs.numbers[:, NUMBER_AT[curve.feature]])
        positions[curve.feature] = position
        yield _hats(curve, position)
    for level in tables.levels:
        codes = inputs.codes[:, CATEGORY_AT[level.feature]]
        yield _Block(codes.astype(np.int32)[:, None], np.ones((len(codes), 1), np.float32), len(level.values))
    for pair in tables.pairs:
        column = np.zeros(pair.shape[0] * pair.shape[1], np.int32)
        value = np.zeros(len(column), np.float32)
        column[list(pair.cells)] = np.arange(len(pair.cells))
        value[list(pair.cells)] = 1
        cell = _cell(pair.features, pair.shape, inputs)
        yield _Block(column[cell][:, None], value[cell][:, None], len(pair.cells))
    for slope in tables.slopes:
        category, number = slope.features
        codes = inputs.codes[:, CATEGORY_AT[category]]
        values = np.nan_to_num((positions[number] - np.float32(slope.centre)) / np.float32(CELLS / 4))
        yield _Block(codes.astype(np.int32)[:, None], values[:, None], len(slope.slopes))


def _hats(curve: Curve, position: npt.NDArray[np.float32]) -> _Block:
    """Columns: a straight line, one hat for each knot, one for unknown."""
    cells = np.array(curve.cells, np.float32)
    unknown = np.isnan(position)
    known = np.where(unknown, np.float32(0), position)
    left = np.clip(np.searchsorted(cells, known, side="right") - 1, 0, len(cells) - 2)
    share = (known - cells[left]) / (cells[left + 1] - cells[left])
    line = np.where(unknown, np.float32(0), (known - np.float32(CELLS / 2)) / np.float32(CELLS / 4))
    last = len(cells) + 1
    columns = np.stack([np.zeros_like(left), np.where(unknown, last, left + 1), np.where(unknown, last, left + 2)], 1)
    values = np.stack([line, np.where(unknown, np.float32(1), 1 - share), np.where(unknown, np.float32(0), share)], 1)
    return _Block(columns.astype(np.int32), values, last + 1)


def _sparse(empty: AdditiveModel, widths: tuple[int, ...], inputs: Matrix) -> csr_matrix:
    """Fill in the columns, some rows at a time, so that what lies between stays in the cache."""
    n, starts = len(inputs), np.cumsum([0, *widths]).astype(np.int32)
    entries = 3 * len(empty.curves) + len(widths) - len(empty.curves) + 1
    columns = np.full((n, entries), starts[-1], np.int32)  # the last entry of each row stays: the constant
    values = np.ones((n, entries))
    for start in range(0, n, BLOCK):
        rows, entry = slice(start, start + BLOCK), 0
        for block, first in zip(_blocks(empty, inputs.take(rows)), starts[:-1], strict=True):
            taken = slice(entry, entry + block.columns.shape[1])
            np.add(block.columns, first, out=columns[rows, taken])
            values[rows, taken] = block.values
            entry = taken.stop
    ends = np.arange(n + 1, dtype=np.int64 if n * entries > 2**31 - 1 else np.int32) * entries
    return csr_matrix((values.ravel(), columns.ravel(), ends), shape=(n, int(starts[-1]) + 1))
