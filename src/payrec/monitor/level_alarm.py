"""Alarm on a fall or rise of recovery by a third, from the payments by day since the model was trained.

Shiryaev-Roberts e-detector: each day ``M ← (M + 1) · exp((O ln q + (1 − q) r E) / c)``, with O payments observed and E
expected, q = ⅔ for a fall and 3/2 for a rise, c the dispersion of the training's weeks, and r the level at the
training with an allowance of 0.05 towards the change. While the level is within the allowance, each factor has a mean
of at most 1 (Poisson days; c ≥ 1), so the mean run to a false alarm at M > 500 is at least 500 nights, at every look.
The reference is the level at the training: tonight's would swallow the fall.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np

from payrec.common.arrow import Floats
from payrec.model.recipes import level
from payrec.model.recipes.level import NightLevel
from payrec.model.recipes.model import Model
from payrec.monitor.drift import Figure

ALLOWANCE = 0.05
RATIOS = {"level_fall": 2 / 3, "level_rise": 3 / 2}
PAYMENTS_TO_TELL = 110  # expected payments after which a fall by a third was seen, measured (docs/monitoring.md)


def figures(model: Model, night: NightLevel | None) -> Iterator[Figure]:
    """Yield the level (with that of the training), the evidence for a fall and a rise, and expected payments a day.

    Nothing where the model does not follow the level or no day has passed since its training.
    """
    if model.level is None or night is None:
        return
    yield Figure("level", "", math.exp(night.state.shift), math.exp(model.shift))
    payments, since = night.payments, max(model.shift_day - night.payments.first_day, 0)
    observed = np.array(payments.observed, np.float64)[since:]
    expected = level.usual(model.level, payments)[since:]
    if not len(observed):
        return
    a_day = night.state.expected / level.RECENT_DAYS
    for name, ratio in RATIOS.items():
        reference = math.exp(model.shift + math.copysign(ALLOWANCE, ratio - 1))
        by_day = evidence(observed, reference * expected, ratio, model.level.dispersion)
        yield Figure(name, "", float(by_day[-1]), a_day)


def evidence(observed: Floats, expected: Floats, ratio: float, dispersion: float) -> Floats:
    """Return M after each day, of payments observed and those expected if nothing changed, (d,) and (d,) -> (d,).

    >>> evidence(np.array([3.0, 1.0]), np.array([2.0, 2.0]), 1.0, 1.0).tolist()  # nothing to tell apart: M counts days
    [1.0, 2.0]
    """
    total, after = 0.0, []
    for came, hoped in zip(observed.tolist(), expected.tolist(), strict=True):
        total = (total + 1) * math.exp((came * math.log(ratio) + (1 - ratio) * hoped) / dispersion)
        total = min(total, 1e12)  # a long fall would overflow; the alarm is far below
        after.append(total)
    return np.array(after)
