"""Reasons of suppressed orders as those of their customers."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa

from payrec.common.arrow import Flags, Whole, make, pc, text
from payrec.worklist.suppression import RULES_IN_ORDER


def has_reason(orders: pa.Table, reasons: tuple[str, ...]) -> Flags:
    """Return True where one of the reasons suppresses the order, be it the leading one or not."""
    hit = np.zeros(orders.num_rows, dtype=np.bool_)
    others = pc.fill_null(text(orders, "suppressed_also"), "")
    every = pc.binary_join_element_wise("", pc.fill_null(text(orders, "suppressed_reason"), ""), others, "", ",")
    for reason in reasons:
        hit |= pc.match_substring(every, f",{reason},").to_numpy(zero_copy_only=False)
    return hit


def first_reason(orders: pa.Table, group: Whole, count: int, reasons: tuple[str, ...]) -> Any:
    """Return for each group the first of the reasons, in the order of the rules, that any of its orders has."""
    first = np.full(count, None, dtype=object)
    for reason in sorted(reasons, key=list(RULES_IN_ORDER).index, reverse=True):
        first[np.unique(group[has_reason(orders, (reason,))])] = reason
    return make.array(first, pa.string())


def suppressed(orders: pa.Table, group: Whole, of_top: pa.Table, wanted: Flags, quiet: Any) -> tuple[Any, Any, Any]:
    """Return the leading reason of the customers that are not ranked, the other reasons, and what lifts the first."""
    leading = pc.coalesce(quiet, text(of_top, "suppressed_reason"))
    reason = np.array(leading.to_pylist(), dtype=object)
    reason[wanted] = None
    also, lifts = np.full(wanted.size, None, dtype=object), np.full(wanted.size, None, dtype=object)
    others: dict[int, set[str]] = {}
    reasons = (text(orders, name).to_pylist() for name in ("suppressed_reason", "suppressed_also", "lifted_by"))
    for at, first, more, lift in zip(group.tolist(), *reasons, strict=True):
        if wanted[at] or first is None:
            continue
        others.setdefault(at, set()).update((first, *(more or "").split(",")))
        if first == reason[at]:
            lifts[at] = max(lifts[at] or "", lift)  # the latest day, where the sentence names one
    for at, names in others.items():
        also[at] = ",".join(sorted(names - {reason[at], ""})) or None
    return make.array(reason, pa.string()), make.array(also, pa.string()), make.array(lifts, pa.string())
