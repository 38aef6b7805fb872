"""An additive model as lookup tables: the stored form of a fitted logistic regression, for scoring and explaining.

log-odds = intercept + Σ curves + Σ levels + Σ pairs + Σ slopes. Every term is centred: its mean over the training rows
is 0, so that the intercept is the mean log-odds and a term says how far a row lies from the average.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import numpy as np
import numpy.typing as npt

from payrec.common.arrow import Floats
from payrec.common.short_repr import short_repr
from payrec.model.features.declarations import CATEGORIES, NUMBERS
from payrec.model.features.matrix import Matrix

Term = tuple[tuple[str, ...], Floats]

CELLS = 128  # a curve's knots lie on a grid of this many cells, so that finding the cell is one multiplication
BLOCK = 16_384  # rows scored at once: their intermediate arrays stay in the cache

NUMBER_AT = {feature.name: position for position, feature in enumerate(NUMBERS)}
CATEGORY_AT = {feature.name: position for position, feature in enumerate(CATEGORIES)}


@short_repr
@dataclass(frozen=True)
class Curve:
    """A piecewise linear function of one number, constant beyond ``low`` and ``high``.

    ``values`` are the log-odds at the grid cells ``cells`` (0 = low, ``CELLS`` = high); ``unknown`` is that of NaN.
    With scale ``log`` the number is first turned into ln(1 + x), and low and high are such logarithms.
    """

    feature: str
    scale: Literal["linear", "log"]
    low: float
    high: float
    cells: tuple[int, ...]
    values: tuple[float, ...]
    unknown: float

    @cached_property
    def lines(self) -> tuple[Floats, Floats]:
        """Intercept and slope in each cell, shape (CELLS + 2,) each; entry 0 serves NaN, the last serves ``high``."""
        grid = np.interp(np.arange(CELLS + 1), self.cells, self.values)
        slope = np.concatenate(([0.0], np.diff(grid), [0.0]))
        start = np.concatenate(([0.0], np.arange(CELLS + 1.0)))
        return np.concatenate(([self.unknown], grid)) - slope * start, slope

    def position(self, numbers: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        """Return where numbers lie on the grid, 0 to ``CELLS``; NaN stays."""
        if self.scale == "log":
            numbers = np.log(np.maximum(numbers, np.float32(0)) + np.float32(1))
        position = (numbers - np.float32(self.low)) * np.float32(CELLS / (self.high - self.low))
        return np.asarray(np.minimum(np.maximum(position, np.float32(0)), np.float32(CELLS)))

    def at(self, position: npt.NDArray[np.float32]) -> Floats:
        """Return the log-odds at positions on the grid."""
        known = np.fmax(position, np.float32(-1))
        cell = known.astype(np.int32)
        cell += 1
        start, slope = self.lines
        result = slope.take(cell, mode="clip")
        result *= known
        result += start.take(cell, mode="clip")
        return result


@short_repr
@dataclass(frozen=True)
class CategoryTerm:
    """One value for each code of a category."""

    feature: str
    values: tuple[float, ...]

    @cached_property
    def array(self) -> Floats:
        """``values`` as an array."""
        return np.array(self.values)


@short_repr
@dataclass(frozen=True)
class Pair:
    """One value for each pair of codes of two categories that training saw often enough, ``rest`` for all others.

    ``cells`` are the positions of the values in a table of ``shape`` codes, row-major.
    """

    features: tuple[str, str]
    shape: tuple[int, int]
    cells: tuple[int, ...]
    values: tuple[float, ...]
    rest: float

    @cached_property
    def array(self) -> Floats:
        """The whole table, shape (shape[0] * shape[1],)."""
        table = np.full(self.shape[0] * self.shape[1], self.rest)
        table[list(self.cells)] = self.values
        return table


@short_repr
@dataclass(frozen=True)
class Slope:
    """A straight line in a number (grid position less ``centre``) for each code of a category; 0 where NaN."""

    features: tuple[str, str]
    centre: float
    slopes: tuple[float, ...]
    offset: float

    @cached_property
    def array(self) -> Floats:
        """``slopes`` as an array."""
        return np.array(self.slopes)


@short_repr
@dataclass(frozen=True)
class AdditiveModel:
    """A whole additive model."""

    intercept: float
    curves: tuple[Curve, ...]
    levels: tuple[CategoryTerm, ...]
    pairs: tuple[Pair, ...]
    slopes: tuple[Slope, ...]


def log_odds(tables: AdditiveModel, inputs: Matrix) -> Floats:
    """Return the log-odds of each row, shape (n,). A row's result does not depend on other rows."""
    result = np.full(len(inputs), tables.intercept)
    for start in range(0, len(inputs), BLOCK):
        rows = slice(start, start + BLOCK)
        for _, values in _terms(tables, inputs, rows):
            result[rows] += values
    return result


def contributions(tables: AdditiveModel, inputs: Matrix) -> tuple[tuple[tuple[str, ...], ...], Floats]:
    """Return the features of each term, and the terms, shape (n, terms), that sum to log-odds - intercept."""
    terms = list(_terms(tables, inputs, slice(None)))
    values = np.stack([values for _, values in terms], axis=1) if terms else np.zeros((len(inputs), 0))
    return tuple(features for features, _ in terms), values


def _terms(tables: AdditiveModel, inputs: Matrix, rows: slice) -> Iterator[Term]:
    moved = {}
    sloping = {slope.features[1]: slope.centre for slope in tables.slopes}
    for curve in tables.curves:
        position = curve.position(inputs.numbers[rows, NUMBER_AT[curve.feature]])
        if curve.feature in sloping:
            moved[curve.feature] = np.nan_to_num(position - np.float32(sloping[curve.feature]), copy=False)
        yield (curve.feature,), curve.at(position)
    for level in tables.levels:
        yield (level.feature,), level.array.take(inputs.codes[rows, CATEGORY_AT[level.feature]], mode="clip")
    for pair in tables.pairs:
        first, second = (inputs.codes[rows, CATEGORY_AT[name]] for name in pair.features)
        yield pair.features, pair.array.take(first.astype(np.int32) * pair.shape[1] + second, mode="clip")
    for slope in tables.slopes:
        category, number = slope.features
        values = slope.array.take(inputs.codes[rows, CATEGORY_AT[category]], mode="clip")
        values *= moved[number]
        values += slope.offset
        yield slope.features, values
