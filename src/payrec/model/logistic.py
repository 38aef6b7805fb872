"""Fitting a logistic regression whose numbers are piecewise linear curves, and keeping it as tables."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
from scipy.sparse import csr_matrix

from payrec.model.features import CATEGORIES, NUMBERS
from payrec.model.matrix import Matrix
from payrec.model.solver import RIDGE_OF_INTERCEPT, Problem, minimise
from payrec.model.tables import (
    CATEGORY_AT,
    CELLS,
    NUMBER_AT,
    Array,
    Curve,
    Levels,
    Pair,
    Slope,
    Tables,
    contributions,
)
from payrec.model.vocabulary import FIRST_LEVEL, Vocabulary

MIN_PAIR_ROWS = 30

PAIRS = (
    ("reason_code", "provider"),
    ("reason_code", "age_band"),
    ("reason_code", "payment_method"),
    ("history_depth", "age_band"),
)
SLOPES = (
    ("age_band", "cust_in_time_rate"),
    ("history_depth", "cust_in_time_rate"),
    ("reason_code", "cust_in_time_rate"),
    ("reason_code", "attempts"),
)


@dataclass(frozen=True)
class Options:
    """How a logistic regression is fitted.

    ``knots`` of each curve; 2 gives a straight line. ``penalty`` is that of scikit-learn's 1 / C.
    """

    knots: int = 12
    interactions: bool = True
    logs: bool = True
    balanced: bool = False
    penalty: float = 1.0


# The original's recipe: numbers as they are in straight lines, one column for each category, balanced classes.
ORIGINAL = Options(knots=2, interactions=False, logs=False, balanced=True)


@dataclass(frozen=True)
class _Block:
    """Columns ``start`` to ``start + width`` of the design, and the value of each row in up to a few of them."""

    columns: npt.NDArray[np.int32]
    values: npt.NDArray[np.float32]
    width: int


def fit(inputs: Matrix, label: Array, weight: Array | None, vocabulary: Vocabulary, options: Options) -> Tables:
    """Fit the log-odds of ``label`` (0 or 1, shape (n,)) and return them as centred tables.

    Features that are the same in all rows get no term.
    """
    empty = _skeleton(inputs, vocabulary, options)
    blocks = list(_blocks(empty, inputs))
    design = _sparse([*blocks, _one_hot(np.zeros(len(inputs), np.int16), 1)], len(inputs))
    penalty = np.full(design.shape[1], float(options.penalty))
    penalty[-1] = RIDGE_OF_INTERCEPT
    coefficients = minimise(Problem(design, label, _weights(label, weight, options.balanced), penalty))
    parts = np.split(coefficients, np.cumsum([block.width for block in blocks]))
    return _centred(_filled(empty, parts[:-1], float(parts[-1][0])), inputs)


def _weights(label: Array, weight: Array | None, balanced: bool) -> Array:
    """Weights of the rows; ``balanced`` gives both classes the same total."""
    weight = np.ones(len(label)) if weight is None else weight
    if not balanced:
        return weight
    share = float(weight @ label / weight.sum())
    return weight * np.where(label > 0, 0.5 / share, 0.5 / (1 - share))


def _skeleton(inputs: Matrix, vocabulary: Vocabulary, options: Options) -> Tables:
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
    levels = tuple(Levels(name, (0.0,) * sizes[name]) for name in CATEGORY_AT if name in varied)
    if not options.interactions:
        return Tables(0.0, tuple(curves), levels, (), ())
    pairs = tuple(_pair((a, b), (sizes[a], sizes[b]), inputs) for a, b in PAIRS if a in varied and b in varied)
    moving = {curve.feature: curve for curve in curves}
    slopes = tuple(
        Slope((a, b), _mean(moving[b], inputs), (0.0,) * sizes[a], 0.0)
        for a, b in SLOPES
        if a in varied and b in moving
    )
    return Tables(0.0, tuple(curves), levels, pairs, slopes)


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


def _blocks(tables: Tables, inputs: Matrix) -> Iterator[_Block]:
    """Yield the design's columns of each term, in the order in which :func:`_filled` takes them back."""
    positions = {}
    for curve in tables.curves:
        position = curve.position(inputs.numbers[:, NUMBER_AT[curve.feature]])
        positions[curve.feature] = position
        yield _hats(curve, position)
    for level in tables.levels:
        yield _one_hot(inputs.codes[:, CATEGORY_AT[level.feature]], len(level.values))
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


def _one_hot(codes: npt.NDArray[np.int16] | npt.NDArray[np.int32], width: int) -> _Block:
    return _Block(codes.astype(np.int32)[:, None], np.ones((len(codes), 1), np.float32), width)


def _sparse(blocks: list[_Block], n: int) -> csr_matrix:
    starts = np.cumsum([0] + [block.width for block in blocks])
    columns = np.concatenate([b.columns + np.int32(s) for b, s in zip(blocks, starts[:-1], strict=True)], axis=1)
    values = np.concatenate([block.values for block in blocks], axis=1).astype(np.float64)
    width = columns.shape[1]
    rows = np.arange(n + 1, dtype=np.int64 if n * width > 2**31 - 1 else np.int32) * width
    return csr_matrix((values.ravel(), columns.ravel(), rows), shape=(n, int(starts[-1])))


def _filled(tables: Tables, parts: list[Array], intercept: float) -> Tables:
    rest = iter(parts)
    curves = tuple(_filled_curve(curve, next(rest)) for curve in tables.curves)
    levels = tuple(replace(level, values=tuple(next(rest).tolist())) for level in tables.levels)
    pairs = tuple(replace(pair, values=tuple(next(rest).tolist())) for pair in tables.pairs)
    slopes = tuple(replace(slope, slopes=tuple((next(rest) / (CELLS / 4)).tolist())) for slope in tables.slopes)
    return Tables(intercept, curves, levels, pairs, slopes)


def _filled_curve(curve: Curve, part: Array) -> Curve:
    line = part[0] * (np.array(curve.cells) - CELLS / 2) / (CELLS / 4)
    return replace(curve, values=tuple((part[1:-1] + line).tolist()), unknown=float(part[-1]))


def _centred(tables: Tables, inputs: Matrix) -> Tables:
    """Move each term's mean over the rows into the intercept."""
    means = contributions(tables, inputs)[1].mean(axis=0).tolist()
    rest = iter(means)
    curves = []
    for curve in tables.curves:
        mean = next(rest)
        curves.append(replace(curve, values=_less(curve.values, mean), unknown=curve.unknown - mean))
    levels = tuple(replace(level, values=_less(level.values, next(rest))) for level in tables.levels)
    pairs = []
    for pair in tables.pairs:
        mean = next(rest)
        pairs.append(replace(pair, values=_less(pair.values, mean), rest=pair.rest - mean))
    slopes = tuple(replace(slope, offset=slope.offset - next(rest)) for slope in tables.slopes)
    return Tables(tables.intercept + sum(means), tuple(curves), levels, tuple(pairs), slopes)


def _less(values: tuple[float, ...], mean: float) -> tuple[float, ...]:
    return tuple(value - mean for value in values)
