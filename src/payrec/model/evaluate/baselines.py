"""Baselines: orderings a team could use without a model, and the amounts that measure them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from payrec.common.arrow import Floats
from payrec.common.short_repr import short_repr
from payrec.model.evaluate.intervals import cluster_codes
from payrec.model.evaluate.metrics import GroupCodes
from payrec.model.features import shrink

REPORTING = "reporting currency"
NAMES = {
    "random": "in random order",
    "oldest_first": "oldest first",
    "amount": "largest amount first",
    "history_rate": "by the customer's own history",
    "p_only": "by the model's probability, whatever the amount",
}


@short_repr
@dataclass(frozen=True)
class OutstandingAmounts:
    """Outstanding amount of each row, and the currency in which it may be summed.

    Attributes
    ----------
    outstanding_minor
        Hundredths, (n,).
    unit
        Code of the currency of each row, (n,), a position in ``names``.
    names
        Currencies; the reporting currency alone if every row could be converted.
    """

    outstanding_minor: Floats
    unit: GroupCodes
    names: tuple[str, ...]


@short_repr
@dataclass(frozen=True)
class Ranking:
    """Two scores of each row, (n,) each, higher first: for who will pay, and for where the money is."""

    who: Floats
    money: Floats


def money(rows: pa.Table) -> OutstandingAmounts:
    """Amounts of the rows: in the reporting currency if all have one there, else each in its own, never summed."""
    if "outstanding_reporting_minor" in rows.column_names and not rows["outstanding_reporting_minor"].null_count:
        return OutstandingAmounts(
            _floats(rows, "outstanding_reporting_minor"), np.zeros(rows.num_rows, np.int64), (REPORTING,)
        )
    names = ["unknown" if name is None else name for name in rows["currency"].unique().to_pylist()]
    return OutstandingAmounts(_floats(rows, "outstanding_minor"), cluster_codes(rows["currency"]), tuple(names))


def history_rate(rows: pa.Table, learnt_from: pa.Table) -> Floats:
    """Share of the customer's earlier failed payments that were recovered in time, shrunk towards the mean, (n,).

    ``(recovered + weight · mean) / (decided + weight)``, counts as known at ``as_of``; mean and weight are those of a
    beta-binomial fitted to the training rows, so a customer without a history gets the mean.
    """
    prior = shrink.fit(_floats(learnt_from, "cust_recovered_in_time"), _floats(learnt_from, "cust_decided"))
    recovered, decided = _floats(rows, "cust_recovered_in_time"), _floats(rows, "cust_decided")
    return (recovered + prior.weight * prior.mean) / (decided + prior.weight)


def rankings(rows: pa.Table, p: Floats, history: Floats, of: OutstandingAmounts) -> dict[str, Ranking]:
    """Rank the rows by the model (``model``) and by each baseline, for who pays and for where the money is.

    Where a ranking has a probability (the model, the customer's rate) the money is ranked by amount × probability;
    the others know one order only. Amounts of different currencies are compared by their rank within their own.
    """
    age = _floats(rows, "age_days")
    nothing = np.zeros(rows.num_rows)
    return {
        "model": Ranking(p, of.outstanding_minor * p),
        "random": Ranking(nothing, nothing),
        "oldest_first": Ranking(age, age),
        "amount": Ranking(_rank_in_currency(of), of.outstanding_minor),
        "history_rate": Ranking(history, of.outstanding_minor * history),
        "p_only": Ranking(p, p),
    }


def _rank_in_currency(of: OutstandingAmounts) -> Floats:
    rank = np.zeros(of.unit.size)
    for code in np.unique(of.unit):
        at = np.flatnonzero(of.unit == code)
        amounts = of.outstanding_minor[at]
        ranked = np.sort(amounts)
        below, up_to = np.searchsorted(ranked, amounts, "left"), np.searchsorted(ranked, amounts, "right")
        rank[at] = (below + up_to) / (2.0 * at.size)
    return rank


def _floats(rows: pa.Table, column: str) -> Floats:
    """Column as float64, (n,); NULL counts as 0 (a customer without a history has none)."""
    values = rows[column].to_numpy().astype(np.float64)
    return np.nan_to_num(values, nan=0.0)
