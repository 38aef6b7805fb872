"""What an order is worth to act on: ``expected net value = outstanding × p − cost of the contact``, exact to the cent.

Money of different currencies is never compared. With a reporting currency every value is in it, by the rates that
were loaded; without one every value stays in the order's own currency.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import numpy as np
import pyarrow as pa

from payrec.common.arrow import Flags, Floats, Whole, constant, floats, known, one_chunk, pc, text, whole
from payrec.common.errors import DataRefused
from payrec.worklist.policy import Policy

# Probabilities are taken, and published, to nine decimals: 128-bit arithmetic by two 64-bit halves stays exact, and
# the last bits in which two machines may differ cannot reorder a list.
P_UNITS = 1_000_000_000


@dataclass(frozen=True)
class Value:
    """Values of n rows in hundredths of ``unit``; where ``rated`` is False there is no rate and the values are 0."""

    unit: Any  # Arrow strings: the currency of the row's values
    outstanding: Whole
    rated: Flags
    channel: Any  # Arrow strings, NULL where the policy has no channels
    cost: Whole

    def expected(self, p_units: Whole) -> Whole:
        """Return ``outstanding × p``, rounded half up to hundredths, (n,) -> (n,)."""
        return expected_minor(self.outstanding, p_units)


def expected_minor(amount_minor: Whole, p_units: Whole) -> Whole:
    """Return ``amount × p`` rounded half up, for ``p`` in units of 1e-9 and amounts of at least 0, (n,), (n,) -> (n,).

    >>> expected_minor(np.array([1000, 3, 999]), np.array([500_000_000, 500_000_000, 1_000_000_000])).tolist()
    [500, 2, 999]
    """
    high, low = np.divmod(amount_minor, P_UNITS)
    product: Whole = high * p_units + (low * p_units + P_UNITS // 2) // P_UNITS
    return product


def p_units(rows: pa.Table) -> tuple[Whole, Flags]:
    """Return ``p_recover_30d`` in units of 1e-9, and True where it is known.

    Raises
    ------
    DataRefused
        A probability is NaN or outside of [0, 1].
    """
    there = known(rows, "p_recover_30d")
    chances: Floats = np.where(there, floats(rows, "p_recover_30d"), 0.0)
    wrong = int((~((chances >= 0) & (chances <= 1))).sum())
    if wrong:
        raise DataRefused(f"found {wrong} probabilities that are not between 0 and 1; score the rows again")
    return np.rint(chances * P_UNITS).astype(np.int64), there


def value_of(rows: pa.Table, policy: Policy) -> Value:
    """Work out currency, outstanding value, channel and cost of each row.

    Raises
    ------
    DataRefused
        A row has no currency, the rates are for another reporting currency, there are no rates at all, or a cost is
        given in some currencies but not in the one that is needed.
    """
    currency = text(rows, "currency")
    if currency.null_count:
        raise DataRefused(f"found {currency.null_count} orders without a currency; money cannot be compared without it")
    own = whole(rows, "outstanding_minor")
    if policy.reporting_currency is None:
        unit, outstanding, rated = currency, own, np.ones(rows.num_rows, dtype=np.bool_)
    else:
        outstanding, rated = _converted(rows, policy.reporting_currency, own)
        unit = constant(policy.reporting_currency, pa.string(), rows.num_rows)
    channel, cost = channel_of(policy, unit, outstanding)
    return Value(unit, outstanding, rated, channel, cost)


def _converted(rows: pa.Table, reporting: str, own: Whole) -> tuple[Whole, Flags]:
    same: Flags = pc.equal(text(rows, "currency"), reporting).to_numpy(zero_copy_only=False)
    given, rate = whole(rows, "outstanding_reporting_minor"), known(rows, "outstanding_reporting_minor")
    if (same & rate & (given != own)).any():
        msg = f"the policy reports in {reporting}, but the loaded rates convert to another currency"
        raise DataRefused(f"{msg}\nload rates to {reporting}, or name their currency as reporting_currency")
    rated: Flags = same | rate
    if rows.num_rows and not rated.any():
        msg = f"the policy reports in {reporting}, but no order is in {reporting} and there are no rates"
        raise DataRefused(f"{msg}\nload rates (payrec load fx FILE), or leave reporting_currency out")
    return np.where(same, own, np.where(rate, given, 0)), rated


def channel_of(policy: Policy, unit: Any, outstanding: Whole) -> tuple[Any, Whole]:
    """Return the last channel of the policy whose ``from_outstanding`` is reached, and its cost in hundredths."""
    n = outstanding.size
    if not policy.channel:
        return constant(None, pa.string(), n), np.zeros(n, dtype=np.int64)
    taken, cost = np.full(n, -1), np.zeros(n, dtype=np.int64)
    for number, channel in enumerate(policy.channel):
        reached = outstanding >= in_minor(channel.from_outstanding, unit, f"from_outstanding of {channel.name}")
        taken[reached] = number
        cost[reached] = in_minor(channel.cost, unit, f"cost of {channel.name}")[reached]
    names = pa.array([channel.name for channel in policy.channel], pa.string())
    return names.take(pa.array(taken, pa.int64(), mask=taken < 0)), cost


def in_minor(by_currency: Mapping[str, Decimal], unit: Any, what: str | None = None) -> Whole:
    """Look up an amount by currency, in hundredths, (n,); a currency that is not listed has 0.

    With ``what``, a table that lists some currencies must list all that occur: else costs would favour one of them.
    """
    coded = one_chunk(unit.dictionary_encode())
    currencies = coded.dictionary.to_pylist()
    missing = sorted(currency for currency in currencies if currency not in by_currency)
    if what and by_currency and missing:
        raise DataRefused(f"the policy gives the {what} in {', '.join(by_currency)}, but orders are in {missing[0]}")
    amounts = [int(by_currency.get(currency, Decimal()) * 100) for currency in currencies]
    looked_up: Whole = np.array([*amounts, 0], dtype=np.int64)[coded.indices.to_numpy()]
    return looked_up


def owner(rows: pa.Table, policy: Policy) -> Any:
    """Name who works each row, NULL where the policy names nobody."""
    if policy.owner is None:
        return constant(None, pa.string(), rows.num_rows)
    coded = one_chunk(text(rows, policy.owner.column).dictionary_encode(null_encoding="encode"))
    names = [policy.owner.of.get(value) for value in coded.dictionary.to_pylist()]
    return pa.array(names, pa.string()).take(coded.indices)
