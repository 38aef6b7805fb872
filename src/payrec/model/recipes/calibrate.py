"""Calibration: from a model's log-odds to probabilities that match observed shares.

A calibration is fitted on newer rows than the model, by Newton's method, and kept only if it lowers the log loss of
rows it was not fitted on. No isotonic step function: its ties cost ranking.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from payrec.common.arrow import Floats
from payrec.common.short_repr import short_repr

CalibrationKind = Literal["none", "level", "sigmoid", "beta"]

KINDS: tuple[CalibrationKind, ...] = ("level", "sigmoid", "beta")
FOLDS = 5


def expit(z: Floats) -> Floats:
    """Return 1 / (1 + e^-z), shape of ``z``; e is only raised to powers below 0, so nothing overflows.

    >>> expit(np.array([-1000.0, 0.0, 1000.0])).tolist()
    [0.0, 0.5, 1.0]
    """
    small = np.exp(-np.abs(z))
    chance: Floats = np.where(z >= 0, 1.0, small) / (1.0 + small)
    return chance


@short_repr
@dataclass(frozen=True)
class Calibration:
    """A rising map of log-odds z to a probability.

    none: P(z) = 1 / (1 + e^-z) =: σ(z); level: σ(z + shift); sigmoid (Platt 1999): σ(low · z + shift);
    beta (Kull, Silva Filho, Flach 2017): σ(low · ln σ(z) − high · ln(1 − σ(z)) + shift). low and high are positive.
    """

    kind: CalibrationKind = "none"
    low: float = 1.0
    high: float = 1.0
    shift: float = 0.0

    def log_odds(self, z: Floats) -> Floats:
        """Return the calibrated log-odds, shape of ``z``."""
        if self.kind == "none":
            return z
        if self.kind == "beta":
            return self.low * -np.logaddexp(0.0, -z) + self.high * np.logaddexp(0.0, z) + self.shift
        return self.low * z + self.shift

    def probability(self, z: Floats) -> Floats:
        """Return the calibrated probability, shape of ``z``, in the open interval (0, 1) up to rounding."""
        return expit(np.asarray(self.log_odds(z)))


def fit(kind: CalibrationKind, z: Floats, label: Floats) -> Calibration:
    """Fit a calibration of log-odds ``z`` to labels 0 and 1, both of shape (n,), by maximum likelihood.

    Where the fitted map would not rise, the next simpler kind is fitted instead.
    """
    if kind == "level":
        shift = _newton(np.ones((len(z), 1)), label, z)[0]
        return Calibration("level", 1.0, 1.0, float(shift))
    if kind == "sigmoid":
        low, shift = _newton(np.stack([z, np.ones(len(z))], 1), label, np.zeros(len(z)))
        return Calibration("sigmoid", float(low), float(low), float(shift)) if low > 0.05 else fit("level", z, label)
    if kind == "beta":
        parts = np.stack([-np.logaddexp(0.0, -z), np.logaddexp(0.0, z), np.ones(len(z))], 1)
        low, high, shift = _newton(parts, label, np.zeros(len(z)))
        rises = min(low, high) > 0.05
        return Calibration("beta", float(low), float(high), float(shift)) if rises else fit("sigmoid", z, label)
    return Calibration()


def _newton(parts: Floats, label: Floats, offset: Floats) -> Floats:
    """Maximum of the likelihood of σ(parts · w + offset); a tiny ridge keeps separable data finite."""
    at = np.zeros(parts.shape[1])
    for _ in range(50):
        chance = expit(parts @ at + offset)
        slope = parts.T @ (chance - label) + 1e-6 * at
        curvature = (parts * (chance * (1 - chance))[:, None]).T @ parts + 1e-6 * np.eye(len(at))
        step = np.linalg.solve(curvature, slope)
        at = at - step * min(1.0, 5.0 / max(float(np.abs(step).max()), 1e-12))
        if float(np.abs(step).max()) < 1e-10:
            break
    return at


def log_losses(z: Floats, label: Floats) -> Floats:
    """Return the log loss of each row, shape (n,), for log-odds ``z``."""
    return np.logaddexp(0.0, z) - label * z


def crossfit(kind: CalibrationKind, z: Floats, label: Floats, fold: npt.NDArray[np.intp]) -> Floats:
    """Return the log-odds of each row by a calibration fitted on the rows of the other folds, shape (n,)."""
    result = np.empty_like(z)
    for held_out in np.unique(fold):
        out = fold == held_out
        result[out] = fit(kind, z[~out], label[~out]).log_odds(z[out])
    return result


def choose(
    z: Floats, label: Floats, group: npt.NDArray[np.intp], kinds: tuple[CalibrationKind, ...] = KINDS
) -> Calibration:
    """Fit the kind with the lowest log loss on rows it has not seen, or none if that is not surely lower.

    Surely means by two standard errors: without a calibration the model may learn from the newest rows, too.

    Parameters
    ----------
    z, label
        Log-odds and labels of the calibration slice, shape (n,).
    group
        Code of each row's customer, shape (n,): rows of one customer stay in one fold, and count as one for the error.
    """
    fold = group % FOLDS
    plain = log_losses(z, label)
    best, least = Calibration(), 0.0
    for kind in kinds:
        gain = plain - log_losses(crossfit(kind, z, label, fold), label)
        total = np.bincount(group, gain)
        error = float(np.sqrt((total**2).sum()))
        if gain.sum() > max(2 * error, least):
            best, least = fit(kind, z, label), float(gain.sum())
    return best
