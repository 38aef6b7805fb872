"""Columns that say what is paid are not passed over: a file in which nobody has paid, as it is read, is questioned."""

from __future__ import annotations

import json
import re

import duckdb

from payrec.common.errors import DataRefused
from payrec.data.load.layout import LoadPlan

PAID_WORDS = ("paid", "payment", "settle", "status", "clear", "balance", "due amount", "amount due", "remaining")
"""Words of column names that speak of what is paid, or still to be paid."""
OTHER_WORDS = ("method", "terms", "currency")
"""Words of names that have a word of payment in them and speak of something else: how, by when or in what to pay."""
_SETTLED = "payment_date IS NOT NULL OR status IS NOT NULL OR outstanding IS NOT NULL"


class PaidUnknown(DataRefused):
    """No order of the file is paid as it is read, though columns that are not read speak of it."""


def unread_of_payment(plan: LoadPlan) -> list[str]:
    """Return the columns whose names speak of payment and that the map neither reads nor ignores."""
    return [name for name in plan.ignored if not plan.mapping.ignores(name) and _speaks_of_payment(name)]


def _speaks_of_payment(name: str) -> bool:
    words = re.sub("[_-]", " ", name.casefold())
    return any(word in words for word in PAID_WORDS) and not any(word in words for word in OTHER_WORDS)


def expect_paid_known(db: duckdb.DuckDBPyConnection, plan: LoadPlan) -> None:
    """Refuse typed rows of which none says that it is paid, or what is owed, while unread columns speak of it.

    Raises
    ------
    PaidUnknown
        Which columns are not read.
    """
    unread = unread_of_payment(plan)
    if not unread or db.execute(f"SELECT 1 FROM typed WHERE ok AND ({_SETTLED}) LIMIT 1").fetchall():
        return
    names = json.dumps(unread[:6], ensure_ascii=False)
    raise PaidUnknown(
        f"{plan.file}: no order is paid as it is read, but columns that are not read speak of it: {names[1:-1]}\n"
        "choose the one that says when an order was paid, what is owed, or its status, as payment_date, outstanding or "
        f"status in [columns] of a map; if they say nothing of that, or events have the payments: ignore = {names}\n"
        "nothing was loaded"
    )
