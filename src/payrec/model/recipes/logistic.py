"""Fitting a logistic regression whose numbers are piecewise linear curves, and keeping it as tables."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from payrec.model.features.matrix import Matrix
from payrec.model.features.vocabulary import Vocabulary
from payrec.model.recipes import spline_design as design
from payrec.model.recipes.additive import CELLS, Array, Curve, Tables
from payrec.model.recipes.solver import Guess, Problem, guess, minimise
from payrec.model.recipes.spline_design import ORIGINAL, Design, Options

__all__ = ["ORIGINAL", "Options", "Regression", "fit", "prepare"]
START_PENALTY = 30.0  # of the rough fit from which all others start


@dataclass(frozen=True)
class Regression:
    """A regression made ready: to be fitted to its first rows, by any penalty, without making its columns again."""

    design: Design
    label: Array
    balanced: bool
    guess: Guess


def prepare(inputs: Matrix, label: Array, vocabulary: Vocabulary, options: Options) -> Regression:
    """Make the columns for rows with labels 0 or 1, shape (n,); features that are the same in all get no term."""
    made = design.make(inputs, vocabulary, options)
    problem = Problem(made.columns, label, _weights(label, options.balanced), START_PENALTY * made.penalty)
    return Regression(made, label, options.balanced, guess(problem))


def fit(of: Regression, rows: int, penalty: float) -> Tables:
    """Fit the log-odds of the label on the first ``rows`` rows and return them as tables, centred on these rows."""
    columns, label = design.first(of.design, rows), of.label[:rows]
    problem = Problem(columns, label, _weights(label, of.balanced), penalty * of.design.penalty)
    found = minimise(problem, of.guess)
    means = columns.T @ np.full(len(label), 1.0 / len(label)) * found
    ends = np.cumsum(of.design.widths)
    parts, centres = np.split(found, ends), [float(part.sum()) for part in np.split(means, ends)]
    return _centred(_filled(of.design.empty, parts[:-1], float(parts[-1][0])), centres[:-1])


def _weights(label: Array, balanced: bool) -> Array:
    """Weights of the rows; ``balanced`` gives both classes the same total."""
    if not balanced:
        return np.ones(len(label))
    share = float(label.mean())
    return np.where(label > 0, 0.5 / share, 0.5 / (1 - share))


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


def _centred(tables: Tables, means: list[float]) -> Tables:
    """Move each term's mean into the intercept."""
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
