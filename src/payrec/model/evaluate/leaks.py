"""Columns that give the outcome away: each one tested alone, on the snapshots of the day an order falls due.

A column of the day of the export that a file declares known at creation ("settled", a final amount) makes a model that
looks excellent and ranks nobody rightly. No column that is known in advance decides so much by itself.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pyarrow as pa

from payrec.common.arrow import Flags, Floats, pc, text
from payrec.common.short_repr import short_repr
from payrec.common.text import terminal_text
from payrec.model.evaluate import metrics
from payrec.model.features.declarations import LABEL
from payrec.model.features.view_columns import ENDED_AT, ENDED_BY, ViewColumns

OLD_DAYS = 14  # what is open for so long pays like the rest, whatever it began with
NO_INPUT = {
    LABEL, "is_landmark", "horizon_days", "age_days", "order_id", "customer_id", "as_of", "amount", ENDED_AT, ENDED_BY,
}  # fmt: skip


@short_repr
@dataclass(frozen=True)
class LeakLimits:
    """From where on a column knows too much.

    Attributes
    ----------
    refuse_auc, warn_auc
        ROC AUC of one column alone on the day orders fall due; 0.5 knows nothing, 1 gives the outcome away.
    level_odds
        Odds of recovery of the rows of one level, as a multiple of those of all others, that refuse training if they
        rise with the age of the orders and hardly an order of the level stays unpaid.
    unpaid_share, unpaid_usual
        Hardly: at most this share of those that would stay unpaid if the level paid as the others, who must be so many.
    never_usual
        Rows of a level that would be recovered if they paid as the others: none of so many is a warning.
    min_rows
        Rows, and rows of each outcome, that a test needs; rows that a level needs on that day and later.
    """

    refuse_auc: float = 0.97
    warn_auc: float = 0.93
    level_odds: float = 5.0
    unpaid_share: float = 0.1
    unpaid_usual: float = 10.0
    never_usual: float = 50.0
    min_rows: int = 50


@short_repr
@dataclass(frozen=True)
class Leak:
    """A column that knows too much: the level that does, if one does, and what was measured."""

    column: str
    verdict: Literal["refuse", "warn"]
    rows: int
    message: str


def find(rows: pa.Table, limits: LeakLimits = LeakLimits()) -> tuple[Leak, ...]:
    """Test every column of labelled rows of the feature view, at least one column of each row being ``age_days``.

    Returns
    -------
    tuple of Leak
        Those that refuse training first.
    """
    if not {LABEL, "age_days"} <= set(rows.column_names) or not rows.num_rows:
        return ()
    rows = rows.filter(pc.is_valid(rows[LABEL]))
    started = rows.filter(pc.field("age_days") >= 0)  # before it, there are only orders with a due date
    rows = started if started.num_rows else rows
    columns = ViewColumns(rows)
    label, age = columns.number(LABEL).astype(np.float64), columns.number("age_days").astype(np.float64)
    if not len(label):
        return ()
    due = age == np.nanmin(age)
    if min(label[due].sum(), (1 - label[due]).sum()) < limits.min_rows:
        return ()
    outcome = label, _ever_paid(rows, label)
    leaks: list[Leak] = []
    for name in rows.column_names:
        kind = rows.schema.field(name).type
        if name in NO_INPUT:
            continue
        if pa.types.is_string(kind) or pa.types.is_dictionary(kind):
            leaks += _levels(name, rows[name], outcome, (due, age >= OLD_DAYS), limits)
        elif pa.types.is_integer(kind) or pa.types.is_floating(kind):
            leaks += _number(name, columns.number(name)[due].astype(np.float64), label[due], limits)
    return tuple(sorted(leaks, key=lambda leak: leak.verdict != "refuse"))


def _ever_paid(rows: pa.Table, label: Floats) -> Flags:
    """Mark the orders that were paid, also after the horizon where the rows tell."""
    paid: Flags = label == 1
    if ENDED_BY in rows.column_names:
        paid = paid | pc.fill_null(pc.equal(text(rows, ENDED_BY), "payment"), False).to_numpy(zero_copy_only=False)
    return paid


def _number(name: str, values: Floats, label: Floats, limits: LeakLimits) -> Iterator[Leak]:
    """Test the order of the numbers, and whether they are known at all."""
    known = np.isfinite(values)
    if not known.any():
        return
    ranked = np.where(known, values, values[known].min() - 1)
    scores = [ranked] if known.all() else [ranked, known.astype(np.float64)]
    yield from _verdict(
        name, max(abs(metrics.roc_auc(label, score) - 0.5) for score in scores) + 0.5, len(label), limits
    )


def _levels(
    name: str,
    column: pa.ChunkedArray[Any],
    outcome: tuple[Floats, Flags],
    ages: tuple[Flags, Flags],
    limits: LeakLimits,
) -> Iterator[Leak]:
    """Test all levels together by their shares on the due day, and each level by itself, then and later.

    ``outcome`` is recovery within the horizon, and payment at any time; ``ages`` marks the rows of the due day, and
    those of old orders.
    """
    label, paid = outcome
    coded = column.combine_chunks().cast(pa.string()).fill_null("").dictionary_encode()
    code = np.asarray(coded.indices.to_numpy(zero_copy_only=False), np.int64)
    due = ages[0]
    rows, recovered = (np.bincount(code[due], weight) for weight in (None, label[due]))
    frequent = rows >= limits.min_rows
    # rare levels stand together: the share of two rows says nothing of a column of free text
    pooled = recovered[~frequent].sum() / max(rows[~frequent].sum(), 1)
    share = np.where(frequent, recovered / np.maximum(rows, 1), pooled)
    whole = list(_verdict(name, metrics.roc_auc(label[due], share[code[due]]), int(due.sum()), limits))
    yield from whole
    for level in np.flatnonzero(frequent) if not whole else ():
        at_level = code == level
        value = terminal_text(str(coded.dictionary[int(level)].as_py()))
        n, k = int(at_level.sum()), int(label[at_level].sum())
        usual = n * label[~at_level].mean() if n < len(label) else 0
        if not k and usual >= limits.never_usual:
            message = (
                f"none of {n:,} snapshots with {name} {value!r} were recovered; of as many others {usual:,.0f} were\n"
                "expected: a few, unless such orders cannot be paid; "
                "a value written to what stayed unpaid gives the answer away\n"
                f"look when {name} is written; if after the order was given up, take it out of the map"
            )
            yield Leak(name, "warn", n, message)
        if _is_final(at_level[due], paid[due], limits) and _too_good(at_level, label, ages, limits):
            message = (
                f"{k:,} of {n:,} snapshots with {name} {value!r} were recovered, the better the older the order is, "
                f"and {int((at_level & due & ~paid).sum()):,} of {int((at_level & due).sum()):,} orders stayed unpaid\n"
                f"expected: odds below {limits.level_odds:g} times the others', falling with age; "
                "a value written after the payment gives the answer away\n"
                f"take {name} out of the map, or map a column that is fixed when the order is made"
            )
            yield Leak(name, "refuse", n, message)


def _is_final(at_level: Flags, paid: Flags, limits: LeakLimits) -> bool:
    """Whether hardly an order of the level stayed unpaid, where a usual share of the others did.

    A value that is written when the payment comes leaves no order unpaid. Where all orders are paid sooner or later, as
    in many books of invoices, a level that pays sooner (short terms) proves nothing.
    """
    usual = at_level.sum() * (~paid[~at_level]).mean() if not at_level.all() else 0.0
    return bool(usual >= limits.unpaid_usual and (at_level & ~paid).sum() <= limits.unpaid_share * usual)


def _too_good(at_level: Flags, label: Floats, ages: tuple[Flags, Flags], limits: LeakLimits) -> bool:
    """Whether the odds of a level are far above those of the others when it falls due, and further once it is old.

    Good payers pay early: what is left of them at later ages pays ever more like the rest. A value that was written
    when the payment came stays as good while the rest gets worse.
    """
    odds = []
    for at_age in ages:
        own, others = label[at_level & at_age], label[~at_level & at_age]
        if len(own) < limits.min_rows or not len(others):
            return False
        counts = [part + 0.5 for label_of in (own, others) for part in (label_of.sum(), (1 - label_of).sum())]
        odds.append(counts[0] * counts[3] / (counts[1] * counts[2]))
        # lower end of the 95 % interval of an odds ratio (Woolf 1955)
        if odds[-1] * np.exp(-1.96 * np.sqrt(sum(1 / n for n in counts))) < limits.level_odds / 2:
            return False
    return bool(limits.level_odds <= odds[0] <= odds[1])


def _verdict(name: str, auc: float, rows: int, limits: LeakLimits) -> Iterator[Leak]:
    if not auc >= limits.warn_auc:
        return
    refused = auc >= limits.refuse_auc
    message = (
        f"{name} alone tells the paid orders from the unpaid ones with a ROC AUC of {auc:.3f}\n"
        f"expected: below {limits.refuse_auc if refused else limits.warn_auc}; a final value gives the answer away\n"
        f"look when {name} is written; if after the payment, take it out of the map"
    )
    yield Leak(name, "refuse" if refused else "warn", rows, message)
