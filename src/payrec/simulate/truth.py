"""The truth: for each failed order and each age at which it is open, its true probabilities."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pyarrow as pa

from payrec.simulate import hazard as hz
from payrec.simulate.course import Course
from payrec.simulate.orders import Span
from payrec.simulate.raw_tables import identifiers, moments, numbers
from payrec.simulate.world import Bools, Floats, Ints

DAYS_BEFORE_DUE = (-14, -7)  # landmarks of orders with a due date alone
LANDMARK_DAYS = (*DAYS_BEFORE_DUE, 0, 1, 2, 3, 7, 14, 21, 30, 45, 60)
HORIZON_DAYS = (7, 14, 30, 60, 90)
CONTACT_HORIZON_DAYS = 30


@dataclass(frozen=True)
class _Moments:
    """Open orders at an age: number among the failed orders, days since the failure and since its clock, sorted."""

    failed: Ints
    day: Ints
    age_days: Ints


def _open_moments(course: Course, span: Span, due_days: Ints) -> _Moments:
    """Return the failure, every landmark at which an order is open, and the end for the younger orders.

    The clock of an order starts at its due date, as in the layers; a day counts from the midnight after the first
    charge.
    """
    clock = np.maximum(due_days[course.at], 0)
    at_end = span.days - 1 - course.orders.day
    others = (np.zeros_like(clock), at_end)
    days = np.stack([*(clock + age for age in LANDMARK_DAYS), *others], axis=1)
    is_open: Bools = (days >= 0) & (days <= at_end[:, None]) & (course.paid_day[:, None] > days)
    is_open[:, : len(DAYS_BEFORE_DUE)] &= due_days[course.at][:, None] >= 0
    is_open[:, -1] &= at_end - clock <= LANDMARK_DAYS[-1]
    for column in range(len(LANDMARK_DAYS), days.shape[1]):  # a moment once, however many reasons it has
        is_open[:, column] &= ~(is_open[:, :column] & (days[:, :column] == days[:, column, None])).any(axis=1)
    failed, reason = np.nonzero(is_open)
    order = np.lexsort((days[failed, reason], failed))
    failed, day = failed[order], days[failed, reason][order]
    return _Moments(failed, day, day - clock[failed])


def table(course: Course, span: Span, due_days: Ints) -> pa.Table:
    """Return the truth, one row for each order and time at which it is open.

    ``due_days``: terms of each order in days after the order, below 0 without a due date.

    Returns
    -------
    pa.Table
        Key (order_id, as_of). ``p_recover_<h>d`` = P(recovered within h days after as_of | open, everything hidden,
        and the planned contact); ``contact_effect_30d`` = the 30-day probability with a first contact at as_of, minus
        ``p_uncontacted_30d``, the same without a contact (both null once contacted); ``eta_observed`` and
        ``eta_hidden``, the two parts of the log hazard besides the base; ``recovered_after_days``, what then happened,
        also beyond the end (null: never within 150 days of the failure); ``is_holdout``, never contacted by rule.
    """
    at = _open_moments(course, span, due_days)
    hazard = course.hazard.take(at.failed)
    columns: dict[str, pa.Array[Any]] = {
        "order_id": identifiers("o", course.at[at.failed] + 1, 8),
        "as_of": moments((course.orders.day[at.failed] + 1 + at.day) * 86_400, span.first),
        "age_days": pa.array(at.age_days.astype(np.int32)),
    }
    for days in HORIZON_DAYS:
        columns[f"p_recover_{days}d"] = _float(hz.probability(hazard, at.day, at.day + days))
    effect = hz.contact_effect(hazard, course.tau[at.failed], at.day, at.day + CONTACT_HORIZON_DAYS)
    is_contacted = course.contact_day[at.failed] <= at.day
    columns[f"contact_effect_{CONTACT_HORIZON_DAYS}d"] = _float(effect, is_contacted)
    alone = hz.probability(replace(hazard, boost=np.ones_like(hazard.boost)), at.day, at.day + CONTACT_HORIZON_DAYS)
    columns[f"p_uncontacted_{CONTACT_HORIZON_DAYS}d"] = _float(alone, is_contacted)
    columns["eta_observed"] = _float(course.eta_observed[at.failed])
    columns["eta_hidden"] = _float(course.eta_hidden[at.failed])
    paid_day = course.paid_day[at.failed]
    columns["recovered_after_days"] = numbers(paid_day - at.day, paid_day > hz.LAST_DAY)
    columns["is_holdout"] = pa.array(course.is_holdout[at.failed])
    return pa.table(columns)


def _float(values: Floats, missing: Bools | None = None) -> pa.Array[Any]:
    """Return single precision: seven digits of a probability are enough, and the file is half as large."""
    return pa.array(values.astype(np.float32), mask=missing)
