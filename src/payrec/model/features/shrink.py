"""Shrinkage of sparse rates towards their mean: the prior of a beta-binomial, fitted to many customers."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from payrec.common.arrow import Floats
from payrec.model.features.vocabulary import Shrinkage

MIN_WEIGHT, MAX_WEIGHT = 0.5, 500.0


def fit(successes: Floats, trials: Floats) -> Shrinkage:
    """Fit mean m and weight w of rates that vary as Beta(w·m, w·(1 − m)) between customers.

    Parameters
    ----------
    successes, trials
        Whole counts of each customer, shape (n,), ``0 <= successes <= trials``; rows without a trial are ignored.

    Returns
    -------
    Shrinkage
        The maximum of Σ ln BetaBinomial(k | n, w·m, w·(1 − m)), with w kept between 0.5 and 500;
        mean 0.5 and weight 1 where there are no trials at all.
    """
    from scipy.optimize import minimize  # on use: it takes long to import
    from scipy.special import betaln, expit, logit

    seen = trials > 0
    if not seen.any():
        return Shrinkage(0.5, 1.0)
    pairs, count = np.unique(np.stack([successes[seen], trials[seen]]), axis=1, return_counts=True)
    k, n = pairs

    def loss(at: Floats) -> float:
        mean, weight = 1.0 / (1.0 + np.exp(-at[0])), np.exp(at[1])
        a, b = float(mean * weight), float((1 - mean) * weight)
        return float(-(count * (betaln(k + a, n - k + b) - betaln(a, b))).sum() / count.sum())

    pooled = float(np.clip((k * count).sum() / (n * count).sum(), 0.001, 0.999))
    box = [(-7.0, 7.0), (np.log(MIN_WEIGHT), np.log(MAX_WEIGHT))]
    best = minimize(loss, np.array([logit(pooled), np.log(5.0)]), method="L-BFGS-B", bounds=box).x
    return Shrinkage(round(float(expit(best[0])), 6), round(float(np.exp(best[1])), 4))


def segment_means(
    successes: Floats, trials: Floats, segment: npt.NDArray[np.int32], size: int, prior: Shrinkage
) -> tuple[float, ...]:
    """Mean rate of each segment, itself shrunk towards the overall mean as if by 20 further customers.

    A customer with n trials counts n / (n + weight): the precision of its rate, so that no heavy customer dominates.
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        rate = np.where(trials > 0, successes / trials, 0.0)
    sure = trials / (trials + prior.weight)
    total = np.bincount(segment, sure * rate, minlength=size) + 20 * prior.mean
    return tuple(np.round(total / (np.bincount(segment, sure, minlength=size) + 20), 6).tolist())
