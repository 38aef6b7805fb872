"""Parameters of a build, as rows of the policy tables."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import pyarrow as pa

from payrec.data.drawing import Draw
from payrec.data.engines import Engine

LANDMARK_AGES = (-14, -7, 0, 1, 2, 3, 7, 14, 21, 30, 45, 60)  # those below 0: of orders with a due date


@dataclass(frozen=True)
class Parameters:
    """The rows of the policy tables: the parameters of a build.

    ``as_of``: times (UTC, naive) at which open orders are scored; None: the end of the observed data.
    ``landmark_ages``: ages in days at which every order is observed for training; below 0: before its due date;
    empty: for scoring only.
    ``landmarks_since``: time (UTC, naive) before which no landmark is needed; None: all are.
    ``horizon_days``: days within which a payment counts.
    ``observed_until``: declared end of the data (UTC, naive); None: what a map declared, else the latest known fact.
    ``draw``: whose landmarks are enough, if there are very many; None: those of all orders.
    """

    as_of: tuple[datetime, ...] | None = ()
    landmark_ages: tuple[int, ...] = LANDMARK_AGES
    horizon_days: int = 30
    observed_until: datetime | None = None
    landmarks_since: datetime | None = None
    draw: Draw | None = None


def declare(engine: Engine, parameters: Parameters) -> None:
    """Write the parameters as rows of the policy tables; what is not given here stays as a map declared it."""
    rows = {
        "as_of_dates": pa.table({"as_of": pa.array(sorted(set(parameters.as_of or ())), pa.timestamp("us"))}),
        "landmarks": pa.table({"age_days": pa.array(sorted(set(parameters.landmark_ages)), pa.int32())}),
        "landmarks_since": pa.table({"since": pa.array([parameters.landmarks_since], pa.timestamp("us")).drop_null()}),
        "horizon": pa.table({"days": pa.array([parameters.horizon_days], pa.int32())}),
    }
    if parameters.observed_until is not None:
        rows["observed_until"] = pa.table({"until": pa.array([parameters.observed_until], pa.timestamp("us"))})
    for table, declared in rows.items():
        engine.run(f"DELETE FROM {table}")
        engine.write(table, declared, key=())
