"""Reference rows: simulated rows that a model must score the same wherever it is loaded.

They are built from the model's own vocabulary and spreads, so they hold no customer's data: every known
category, the range of each number, unknown and unseen values.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from payrec.common.errors import ModelRefused
from payrec.common.json import canonical_json
from payrec.common.short_repr import short_repr
from payrec.model.features.declarations import CUSTOMER, NEEDED, TEXTS
from payrec.model.recipes.model import Model, predict
from payrec.model.store.model_json import AGAIN

ROWS = 40
UNSEEN = "never seen"
FLAGS = ("is_disputed", "has_chargeback", "is_opted_out")
TIMES = ("as_of", "promised_until")
COUNTS = (0, 1, 2, 3, 5, 8, 13, 30, 90, 400, None)
AMOUNTS = (0, 100, 2_500, 9_900, 12_345, 60_000, 1_000_000, None)


@short_repr
@dataclass(frozen=True)
class ReferenceRows:
    """Rows of the feature view and the probability of each, shape (n,)."""

    rows: pa.Table
    probability: npt.NDArray[np.float64]


def record(model: Model) -> ReferenceRows:
    """Build reference rows for ``model`` and score them."""
    rows = _rows({name: _values(name, model) for name in NEEDED})
    return ReferenceRows(rows, predict(model, rows))


def dump(reference: ReferenceRows) -> bytes:
    """Return the bytes of ``golden.json``."""
    return canonical_json({"columns": reference.rows.to_pydict(), "probability": reference.probability.tolist()})


def parse(content: bytes, name: str) -> ReferenceRows:
    """Return what :func:`dump` wrote. Raises ModelRefused for anything else."""
    try:
        document = json.loads(content)
        columns, probability = document["columns"], np.array(document["probability"], np.float64)
        if set(columns) != set(NEEDED) or probability.shape != (len(columns["as_of"]),) or not len(probability):
            raise ValueError
        for time in TIMES:
            columns[time] = [None if value is None else datetime.fromisoformat(value) for value in columns[time]]
        rows = _rows(columns)
    except (
        ValueError,
        KeyError,
        TypeError,
        AttributeError,
        ArithmeticError,
        RecursionError,
        pa.ArrowException,
    ) as error:
        msg = f"found a malformed golden.json in {name}, expected one that payrec wrote\n{AGAIN}"
        raise ModelRefused(msg) from error
    return ReferenceRows(rows, probability)


def _rows(columns: dict[str, list[Any]]) -> pa.Table:
    return pa.table({name: pa.array(values, _type(name)) for name, values in sorted(columns.items())})


def _type(name: str) -> pa.DataType:
    if name in TIMES:
        return pa.timestamp("us")
    return pa.string() if name in {CUSTOMER, *(feature.name for feature in TEXTS)} else pa.int64()


def _values(name: str, model: Model) -> list[Any]:
    """Choices of one column, taken in turn with a stride of its own; the first row is unknown throughout."""
    stride = 1 + 2 * NEEDED.index(name)
    choices = _choices(name, model)
    return [None, *(choices[(stride * row) % len(choices)] for row in range(1, ROWS))]


def _choices(name: str, model: Model) -> list[Any]:
    start = model.training.last_as_of
    if name == "as_of":
        return [start + timedelta(days=days) for days in range(31)]
    if name == "promised_until":
        return [None, None, *(start + timedelta(days=days) for days in (1, 20, 40))]
    if name == CUSTOMER or name in model.vocabulary.levels:  # of customers the bundle knows hashes alone
        return [*model.vocabulary.levels.get(name, ())[:ROWS], UNSEEN, None]
    if name in FLAGS:
        return [0, 0, 1]
    if name == "days_to_due":
        return [-60, -14, -1, 0, 1, 14, 30, None]
    return list(AMOUNTS if name.endswith("_minor") else COUNTS)
