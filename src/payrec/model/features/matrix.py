"""Rows of the feature view as numbers: ``learn`` a vocabulary once, then ``matrix`` for any rows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from payrec.common.short_repr import short_repr
from payrec.model.features import derive, shrink
from payrec.model.features.declarations import CATEGORIES, CUSTOMER, NUMBERS, TEXTS
from payrec.model.features.view_columns import NO_DAY, ViewColumns, ViewRows, day_numbers
from payrec.model.features.vocabulary import Shrinkage, Vocabulary

MIN_LEVEL_ROWS = 30  # a value seen less often is "other"
MAX_LEVELS = 200
MIN_CUSTOMER_ORDERS = 20
MIN_SEASON_DAYS = 3 * 365


@short_repr
@dataclass(frozen=True)
class Matrix:
    """The features of n rows, in the order of ``NUMBERS`` and ``CATEGORIES``.

    Attributes
    ----------
    numbers
        float32, shape (n, len(NUMBERS)), column-major; NaN = unknown.
    codes
        int16, shape (n, len(CATEGORIES)), column-major; 0 = unknown, 1 = other, then the levels.
    """

    numbers: npt.NDArray[np.float32]
    codes: npt.NDArray[np.int16]

    def take(self, at: npt.NDArray[np.intp] | slice) -> Matrix:
        """Return the rows ``at``."""
        return Matrix(np.asfortranarray(self.numbers[at]), np.asfortranarray(self.codes[at]))

    def __len__(self) -> int:
        return len(self.numbers)


def matrix(rows: ViewRows, vocabulary: Vocabulary) -> Matrix:
    """Return the features of ``rows``; each row's features depend on that row and the vocabulary alone.

    Raises
    ------
    DataRefused
        A column holds text where numbers or times belong.
    """
    columns = ViewColumns(rows)
    numbers = np.empty((columns.n, len(NUMBERS)), np.float32, order="F")
    codes = np.empty((columns.n, len(CATEGORIES)), np.int16, order="F")
    for position, feature in enumerate(NUMBERS):
        assert feature.number is not None  # noqa: S101 - the table of features is tested for it
        numbers[:, position] = feature.number(columns, vocabulary)
    for position, feature in enumerate(CATEGORIES):
        if feature.code is None:
            codes[:, position] = derive.text_codes(columns, vocabulary, feature.name)
        else:
            codes[:, position] = feature.code(columns, vocabulary)
    return Matrix(numbers, codes)


def learn(rows: ViewRows) -> Vocabulary:
    """Learn levels, typical amounts and shrinkage from the rows a model is trained on, never from a label."""
    columns = ViewColumns(rows)
    levels = {feature.name: _levels(columns.array(feature.name)) for feature in TEXTS}
    levels |= {"customer": _customers(rows), "month": _months(columns)}
    typical, overall = _typical(columns, levels["currency"])
    start = Vocabulary(levels, typical, overall)
    newest = _newest_of_each_customer(columns)
    shrinkage = {
        "cust_recovered_rate": _fit(columns, newest, "cust_recovered", "cust_failures"),
        "cust_failure_rate": _fit(columns, newest, "cust_failures", "cust_orders"),
    }
    for of in ("provider", "reason", "country"):
        shrinkage[f"{of}_rate_90d"] = _pooled(columns, f"{of}_recovered_90d", f"{of}_decided_90d")
    in_time = _fit(columns, newest, "cust_recovered_in_time", "cust_decided")
    shrinkage["cust_in_time_rate"] = in_time
    shrinkage["cust_in_time_rate_recent"] = Shrinkage(in_time.mean, 1.0)
    size = start.size("provider") * start.size("reason_code")
    counts = _counts(columns, newest, "cust_recovered_in_time", "cust_decided")
    means = shrink.segment_means(*counts, derive.segments(columns, start)[newest], size, in_time)
    return Vocabulary(levels, typical, overall, shrinkage, means)


def _levels(array: pa.Array[Any] | None) -> tuple[str, ...]:
    """Values seen at least ``MIN_LEVEL_ROWS`` times, the most frequent ``MAX_LEVELS``, in the order of their text."""
    if array is None or array.null_count == len(array):
        return ()
    values: Any = pc.value_counts(array.cast(pa.string()).drop_null())
    counted: list[dict[str, Any]] = values.to_pylist()
    frequent = sorted((-pair["counts"], pair["values"]) for pair in counted if pair["counts"] >= MIN_LEVEL_ROWS)
    return tuple(sorted(value for _, value in frequent[:MAX_LEVELS]))


def _customers(rows: ViewRows) -> tuple[str, ...]:
    """Hash the customers with the most orders, at least ``MIN_CUSTOMER_ORDERS`` each; in the order of the hashes."""
    if not {CUSTOMER, "order_id"} <= set(rows.schema.names):
        return ()
    table = pa.Table.from_batches([rows]) if isinstance(rows, pa.RecordBatch) else rows
    ids = table.select([CUSTOMER, "order_id"]).drop_null()
    orders = ids.group_by(CUSTOMER).aggregate([("order_id", "count_distinct")])
    orders = orders.filter(pc.field("order_id_count_distinct") >= MIN_CUSTOMER_ORDERS)
    most = orders.sort_by([("order_id_count_distinct", "descending"), (CUSTOMER, "ascending")])[:MAX_LEVELS]
    return tuple(sorted(derive.customer_hash(str(one)) for one in most[CUSTOMER].to_pylist()))


def _months(columns: ViewColumns) -> tuple[str, ...]:
    """Return the twelve months if the rows span enough years to tell a season from a trend, else none."""
    days = day_numbers(columns, "as_of")
    known = days[days != NO_DAY]
    spans = len(known) and int(known.max()) - int(known.min()) >= MIN_SEASON_DAYS
    return tuple(f"{month:02d}" for month in range(1, 13)) if spans else ()


def _typical(columns: ViewColumns, currencies: tuple[str, ...]) -> tuple[dict[str, float], float]:
    owed = columns.number("outstanding_minor").astype(np.float64)
    code = derive.text_codes(columns, Vocabulary({"currency": currencies}), "currency")
    overall = _median(owed, 10_000.0)
    typical = {name: _median(owed[code == 2 + at], overall) for at, name in enumerate(currencies)}
    columns.codes.pop("currency")
    return typical, overall


def _median(amounts: npt.NDArray[np.float64], otherwise: float) -> float:
    known = amounts[amounts > 0]
    return float(np.median(known)) if len(known) else otherwise


def _newest_of_each_customer(columns: ViewColumns) -> npt.NDArray[np.intp]:
    """Position of one row of each customer, the last: repeated snapshots must not count a customer's history twice."""
    customer = columns.array("customer_id")
    if customer is None:
        return np.arange(columns.n)
    codes = customer.cast(pa.string()).dictionary_encode().indices.fill_null(-1).to_numpy(zero_copy_only=False)
    return columns.n - 1 - np.unique(codes[::-1], return_index=True)[1]


def _counts(
    columns: ViewColumns, at: npt.NDArray[np.intp], part: str, whole: str
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    trials = np.nan_to_num(columns.number(whole)[at].astype(np.float64))
    return np.clip(np.nan_to_num(columns.number(part)[at].astype(np.float64)), 0, trials), trials


def _fit(columns: ViewColumns, at: npt.NDArray[np.intp], part: str, whole: str) -> Shrinkage:
    return shrink.fit(*_counts(columns, at, part, whole))


def _pooled(columns: ViewColumns, part: str, whole: str) -> Shrinkage:
    """Mean over all rows, with the weight of 20 cases: context rates have many, so that the weight hardly matters."""
    successes, trials = _counts(columns, np.arange(columns.n), part, whole)
    return Shrinkage(round(float(successes.sum() / trials.sum()), 6) if trials.sum() else 0.5, 20.0)
