"""Distribution of each feature over the training rows: the reference of the drift measures."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from payrec.common.short_repr import short_repr
from payrec.model.features.declarations import CATEGORIES, FEATURES, NUMBERS
from payrec.model.features.matrix import Matrix
from payrec.model.features.vocabulary import RESERVED, Vocabulary

BINS = 10


@short_repr
@dataclass(frozen=True)
class Spread:
    """Shares of the rows in each bin of one feature; they add up to 1.

    A number's bins: unknown, then x <= edges[0], edges[0] < x <= edges[1], …, x > edges[-1].
    A category's bins: unknown, other, then its levels; ``edges`` is empty.
    """

    feature: str
    edges: tuple[float, ...]
    names: tuple[str, ...]
    shares: tuple[float, ...]


def spreads(inputs: Matrix, vocabulary: Vocabulary) -> tuple[Spread, ...]:
    """Return the spread of every feature over the rows of ``inputs``, bins by deciles."""
    by_feature = {f.name: _of_number(f.name, inputs.numbers[:, at]) for at, f in enumerate(NUMBERS)}
    for at, feature in enumerate(CATEGORIES):
        names = RESERVED + (feature.levels or vocabulary.levels.get(feature.name, ()))
        by_feature[feature.name] = Spread(feature.name, (), names, _shares(inputs.codes[:, at], len(names)))
    return tuple(by_feature[feature.name] for feature in FEATURES)


def like(spread: Spread, inputs: Matrix) -> tuple[float, ...]:
    """Return the shares of the rows of ``inputs`` in the bins of ``spread``: to compare with the spread at training."""
    for at, feature in enumerate(NUMBERS):
        if feature.name == spread.feature:
            return _shares(_bins(inputs.numbers[:, at], spread.edges), len(spread.names))
    at = next(at for at, feature in enumerate(CATEGORIES) if feature.name == spread.feature)
    return _shares(inputs.codes[:, at], len(spread.names))


def _of_number(name: str, numbers: npt.NDArray[np.float32]) -> Spread:
    known = numbers[~np.isnan(numbers)]
    inner = np.quantile(known, np.linspace(0, 1, BINS + 1)[1:-1], method="lower") if len(known) else known
    edges = tuple(float(edge) for edge in np.unique(inner))
    names = ["unknown", *(f"<= {edge:.6g}" for edge in edges), f"> {edges[-1]:.6g}" if edges else "known"]
    return Spread(name, edges, tuple(names), _shares(_bins(numbers, edges), len(names)))


def _bins(numbers: npt.NDArray[np.float32], edges: tuple[float, ...]) -> npt.NDArray[np.intp]:
    at = np.searchsorted(np.array(edges, np.float32), numbers, side="left") + 1
    return np.where(np.isnan(numbers), 0, at)


def _shares(bins: npt.NDArray[np.intp] | npt.NDArray[np.int16], size: int) -> tuple[float, ...]:
    counts = np.bincount(bins, minlength=size)
    return tuple((counts / max(counts.sum(), 1)).tolist())
