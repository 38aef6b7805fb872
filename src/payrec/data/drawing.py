"""Orders drawn before the build: landmarks are made for these alone, while every fact still counts in the history."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from functools import partial

import pyarrow as pa

from payrec.common.progress import Progress
from payrec.data.engines import Engine
from payrec.data.sampling import sample_orders

DRAW_TABLES = ("sample_share", "sampled_orders")
_MATURED = """
SELECT COUNT(*) AS n
FROM stg_balances AS b
JOIN stg_orders AS o ON o.order_no = b.order_no
CROSS JOIN landmarks AS l
CROSS JOIN horizon AS h
CROSS JOIN stg_observed AS u
WHERE b.is_open = 1
  AND b.from_at <= o.clock_at + l.age_days * INTERVAL '1' DAY
  AND (b.until_at IS NULL OR b.until_at > o.clock_at + l.age_days * INTERVAL '1' DAY)
  AND o.clock_at + (l.age_days + h.days) * INTERVAL '1' DAY <= u.until
"""


@dataclass(frozen=True)
class Draw:
    """Whole orders, drawn by the hash of their id and ``seed``, of about ``max_snapshots`` matured landmarks."""

    max_snapshots: int
    seed: int


def draw_orders(engine: Engine, wanted: Draw | None, progress: Progress) -> None:
    """Write which orders get landmarks, from staging: all, unless more landmarks matured than ``wanted``."""
    engine.run("; ".join(f"DELETE FROM {table}" for table in DRAW_TABLES))
    matured = 0 if wanted is None else int(engine.read(_MATURED)["n"][0].as_py())
    if wanted is None or matured <= wanted.max_snapshots:
        return
    share = round(Decimal(wanted.max_snapshots) / matured, 9)
    progress(f"landmarks of {share:.1%} of the orders, drawn by seed {wanted.seed}")
    row = {"max_snapshots": [wanted.max_snapshots], "seed": [wanted.seed]}
    shares = pa.array([share], pa.decimal128(10, 9))
    engine.write("sample_share", pa.table({**row, "share": shares}), key=())
    drawn = partial(_drawn, share=float(share), seed=wanted.seed)
    engine.map("SELECT order_id, order_no FROM order_numbers", "sampled_orders", (), drawn)


def _drawn(orders: pa.RecordBatch, share: float, seed: int) -> pa.RecordBatch:
    return sample_orders(orders, share, seed).select(["order_no"])


def share_drawn(engine: Engine, seed: int) -> float:
    """Return the share of the orders that ``seed`` drew for the build that stands; 1 if it drew none."""
    rows = engine.read(f"SELECT share FROM sample_share WHERE seed = {int(seed)}").to_pylist()
    return float(rows[0]["share"]) if rows else 1.0


def has_landmarks(engine: Engine, wanted: Draw | None) -> bool:
    """Whether the build that stands has the landmarks of all orders, or of those that ``wanted`` draws."""
    drawn = engine.read("SELECT max_snapshots, seed FROM sample_share").to_pylist()
    return not drawn or (wanted is not None and drawn == [vars(wanted)])
