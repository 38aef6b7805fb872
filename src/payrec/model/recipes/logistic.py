"""Fitting a logistic regression whose numbers are piecewise linear curves, and keeping it as tables."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from payrec.common.arrow import Floats
from payrec.common.short_repr import short_repr
from payrec.model.features.matrix import Matrix
from payrec.model.features.vocabulary import Vocabulary
from payrec.model.recipes import spline_design
from payrec.model.recipes.additive import CELLS, AdditiveModel, Curve
from payrec.model.recipes.solver import PenalisedLoss, StartingPoint, minimise, starting_point
from payrec.model.recipes.spline_design import ORIGINAL, Design, LogisticOptions

__all__ = ["ORIGINAL", "LogisticOptions", "Regression", "fit", "prepare"]
START_PENALTY = 30.0  # of the rough fit from which all others start


@short_repr
@dataclass(frozen=True)
class Regression:
    """A regression made ready: to be fitted to its first rows, by any penalty, without making its columns again."""

    design: Design
    label: Floats
    balanced: bool
    starting_point: StartingPoint


def prepare(inputs: Matrix, label: Floats, vocabulary: Vocabulary, options: LogisticOptions) -> Regression:
    """Make the columns for rows with labels 0 or 1, shape (n,); features that are the same in all get no term."""
    columns = spline_design.build(inputs, vocabulary, options)
    problem = PenalisedLoss(columns.columns, label, _weights(label, options.balanced), START_PENALTY * columns.penalty)
    return Regression(columns, label, options.balanced, starting_point(problem))


def fit(of: Regression, rows: int, penalty: float) -> AdditiveModel:
    """Fit the log-odds of the label on the first ``rows`` rows and return them as tables, centred on these rows."""
    columns, label = spline_design.first_rows(of.design, rows), of.label[:rows]
    problem = PenalisedLoss(columns, label, _weights(label, of.balanced), penalty * of.design.penalty)
    coefficients = minimise(problem, of.starting_point)
    means = columns.T @ np.full(len(label), 1.0 / len(label)) * coefficients
    ends = np.cumsum(of.design.widths)
    parts, centres = np.split(coefficients, ends), [float(part.sum()) for part in np.split(means, ends)]
    return _centred(_filled(of.design.empty, parts[:-1], float(parts[-1][0])), centres[:-1])


def _weights(label: Floats, balanced: bool) -> Floats:
    """Weights of the rows; ``balanced`` gives both classes the same total."""
    if not balanced:
        return np.ones(len(label))
    share = float(label.mean())
    return np.where(label > 0, 0.5 / share, 0.5 / (1 - share))


def _filled(tables: AdditiveModel, parts: list[Floats], intercept: float) -> AdditiveModel:
    rest = iter(parts)
    curves = tuple(_filled_curve(curve, next(rest)) for curve in tables.curves)
    levels = tuple(replace(level, values=tuple(next(rest).tolist())) for level in tables.levels)
    pairs = tuple(replace(pair, values=tuple(next(rest).tolist())) for pair in tables.pairs)
    slopes = tuple(replace(slope, slopes=tuple((next(rest) / (CELLS / 4)).tolist())) for slope in tables.slopes)
    return AdditiveModel(intercept, curves, levels, pairs, slopes)


def _filled_curve(curve: Curve, part: Floats) -> Curve:
    line = part[0] * (np.array(curve.cells) - CELLS / 2) / (CELLS / 4)
    return replace(curve, values=tuple((part[1:-1] + line).tolist()), unknown=float(part[-1]))


def _centred(tables: AdditiveModel, means: list[float]) -> AdditiveModel:
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
    return AdditiveModel(tables.intercept + sum(means), tuple(curves), levels, tuple(pairs), slopes)


def _less(values: tuple[float, ...], mean: float) -> tuple[float, ...]:
    return tuple(value - mean for value in values)
