"""What else real data contain: credit notes, voids, returns, debits in flight, payments for several orders.

Every rate is 0 by default, so that a portfolio without complications stays the same.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from payrec.common.errors import UsageError


@dataclass(frozen=True)
class Complications:
    """Shares of the failed orders; of all orders for ``due_dates``, of first debits that worked for ``first_returns``.

    ``stop_payments_days``: the export knows of no money that moved in the last days. ``missing_months`` (``YYYY-MM``):
    no event of these months is in the log, though the export knows the balance.
    """

    credit_notes: float = 0.0
    voids: float = 0.0
    part_write_offs: float = 0.0
    snoozes: float = 0.0
    reopened_disputes: float = 0.0
    failed_debits: float = 0.0
    lost_debits: float = 0.0
    pending_debits: float = 0.0
    returns: float = 0.0
    refunds: float = 0.0
    overpayments: float = 0.0
    transfers: float = 0.0
    instalments: float = 0.0
    other_currencies: float = 0.0
    undated_payments: float = 0.0
    first_returns: float = 0.0
    due_dates: float = 0.0
    stop_payments_days: int = 0
    missing_months: tuple[str, ...] = ()


RATES = {
    "credit_notes": 0.02, "voids": 0.02, "part_write_offs": 0.02, "snoozes": 0.03, "reopened_disputes": 0.02,
    "failed_debits": 0.02, "lost_debits": 0.02, "pending_debits": 0.08, "returns": 0.03, "refunds": 0.02,
    "overpayments": 0.02, "transfers": 0.04, "instalments": 0.04, "other_currencies": 0.04, "undated_payments": 0.02,
    "first_returns": 0.02, "due_dates": 0.5,
}  # fmt: skip
EXCLUSIVE = tuple(RATES)[:-2]
PLAIN = Complications()


def complications(
    names: Sequence[str], *, stop_payments_days: int = 0, missing_months: Sequence[str] = ()
) -> Complications:
    """Return the named complications at their usual rates; ``everything`` is all of them.

    Raises
    ------
    UsageError
        A name that is none, fewer than 0 days, or a text that is no month.
    """
    unknown = [name for name in names if name not in (*RATES, "everything")]
    if unknown:
        raise UsageError(f"{unknown[0]!r} is no complication: expected everything, or some of {', '.join(RATES)}")
    if stop_payments_days < 0:
        raise UsageError(f"stop_payments_days is {stop_payments_days}: expected at least 0")
    for month in missing_months:
        if not re.fullmatch(r"\d{4}-(0[1-9]|1[0-2])", month):
            raise UsageError(f"{month!r} is no month: expected YYYY-MM, such as 2026-03")
    rates = {name: rate for name, rate in RATES.items() if name in names or "everything" in names}
    return Complications(**rates, stop_payments_days=stop_payments_days, missing_months=tuple(missing_months))
