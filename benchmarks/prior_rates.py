"""The table of the ranking by rule: rates of recovery by age and reason class in simulated portfolios.

python -m benchmarks.prior_rates            print the table
python -m benchmarks.prior_rates --write    also write src/payrec/model/recipes/prior_rates.json
"""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from payrec.commands.serving import reason_classes
from payrec.data import layers
from payrec.data.engines import connect
from payrec.data.parameters import LANDMARK_AGES, Parameters
from payrec.model.features import matrix
from payrec.model.features.declarations import AGE_BANDS, LABEL
from payrec.model.recipes import rule_rates
from payrec.simulate import simulator
from payrec.worklist.reason_codes import CATEGORIES, read

ORDERS, SEEDS = 60_000, (11, 12, 13)
LANDMARK_AGES = (*LANDMARK_AGES, 75, 90)
WIDE = (10.0, 10.0)  # spreads that leave the portfolios free
TABLE = Path(__file__).parent.parent / "src" / "payrec" / "model" / "recipes" / "prior_rates.json"


def matured(seed: int, orders: int = ORDERS) -> pa.Table:
    """Return the matured snapshots of a simulated portfolio."""
    with connect("duckdb:///:memory:") as engine:
        simulated = simulator.portfolio(orders, seed=seed)
        layers.prepare(engine)
        for table, rows in (("raw_transactions", simulated.transactions), ("raw_events", simulated.events)):
            engine.write(table, rows, ())
        engine.write("fx_rates", simulated.fx, ())
        engine.run("INSERT INTO payment_source VALUES ('events')")
        layers.build(engine, Parameters(landmark_ages=LANDMARK_AGES))
        return engine.read(f"SELECT * FROM {layers.VIEW} WHERE is_landmark = 1 AND {LABEL} IS NOT NULL")


def table(rows: pa.Table) -> rule_rates.Rates:
    """Return the rates of rows; a class or band that they do not have gets 0, the mean."""
    age = rule_rates.age_bands(matrix.matrix(rows, matrix.learn(rows)))
    flat = rule_rates.Rates(0.0, dict.fromkeys(AGE_BANDS, 0.0), dict.fromkeys((rule_rates.NO_REASON, *CATEGORIES), 0.0))
    label = rows[LABEL].to_numpy().astype(np.float64)
    return rule_rates.fit(age, reason_classes(rows, read()), label, np.ones(len(label)), flat, WIDE)


def main() -> None:
    """Print the table, and write it if asked to."""
    rows = pa.concat_tables([matured(seed) for seed in SEEDS])
    text = json.dumps(asdict(table(rows)), indent=2, default=float)
    print(f"{len(rows):,} snapshots of {ORDERS * len(SEEDS):,} orders, {pc.mean(rows[LABEL]).as_py():.3f} recovered")
    print(text)
    if "--write" in sys.argv[1:]:
        TABLE.write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
