"""A year of weekly lists with an experiment, played on simulated orders whose truth is known."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa
from pyarrow import parquet

from payrec.common.arrow import TIME, floats, make, pc, times
from payrec.data import layers
from payrec.data.engines import Engine
from payrec.model.store.bundle import Bundle
from payrec.monitor import experiment_status
from payrec.monitor.experiment_status import ExperimentStatus, unit_key
from payrec.publish.experiments import orders_of
from payrec.worklist import rank
from payrec.worklist.assignment import SCHEMA, Experiment, Running
from payrec.worklist.policy import Policy

AGE_DAYS = 3  # of the orders of a list: each order is on one list
WEEKS = 52
TRUTH = ("order_id", "as_of", "p_uncontacted_30d", "contact_effect_30d")


@dataclass(frozen=True)
class SimulatedYear:
    """What an experiment says of a year, and the truth: money in hundredths of the reporting currency.

    Attributes
    ----------
    contacts_per_week
        Capacity of each list, in customers.
    contacted
        Customers contacted, and ``came_back`` what their orders brought within 30 days.
    true_extra
        What contacting the assigned customers adds on average over all assignments, from the simulation's truth.
    """

    contacts_per_week: int
    contacted: int
    came_back: float
    true_extra: float
    status: ExperimentStatus


def listed_orders(engine: Engine, bundle: Bundle, folder: Path) -> pa.Table:
    """Return the orders at age 3 of the last year, with chance and truth; ``as_of`` is the end of their week.

    The layers must have been built for training. Orders that the simulation contacted before are left out.
    """
    rows = engine.read(
        f"SELECT * FROM {layers.VIEW} WHERE is_landmark = 1 AND age_days = {AGE_DAYS} ORDER BY as_of, order_id"
    )
    rows = rows.append_column("p_recover_30d", make.array(bundle.model.predict_proba(rows), from_pandas=True))
    known = parquet.read_table(folder / "truth.parquet", columns=list(TRUTH))
    known = known.filter(pc.is_valid(known["contact_effect_30d"]))
    key = pc.index_in(_key(rows), value_set=_key(known))
    joined = rows.filter(pc.is_valid(key))
    position = key.drop_null()
    for name in TRUTH[2:]:
        joined = joined.append_column(name, known[name].cast(pa.float64()).take(position))
    at = times(joined, "as_of").astype("datetime64[D]")
    last = at.max() - np.timedelta64(bundle.model.horizon_days, "D")
    week = (last - at).astype(np.int64) // 7
    inside = (week >= 0) & (week < WEEKS)
    ends = (last - 7 * week[inside].astype("timedelta64[D]") + np.timedelta64(1, "D")).astype("datetime64[us]")
    joined = joined.filter(make.array(inside))
    return joined.set_column(joined.column_names.index("as_of"), "as_of", make.array(ends, TIME))


def _key(rows: pa.Table) -> pa.Array:  # type: ignore[type-arg]
    parts = (rows["order_id"].cast(pa.string()), rows["as_of"].cast(TIME).cast(pa.string()))
    keys: pa.Array = pc.binary_join_element_wise(*parts, "\0").combine_chunks()  # type: ignore[type-arg]
    return keys


def play(rows: pa.Table, experiment: Experiment, policy: Policy, contacts_per_week: int, seed: int) -> SimulatedYear:
    """Assign, list and contact week by week, draw what is recovered, and compare the arms at the end.

    Parameters
    ----------
    rows
        Columns of the feature view, ``p_recover_30d``, ``p_uncontacted_30d`` and ``contact_effect_30d``; ``as_of`` is
        the time of the list that an order is on.
    seed
        Of what is recovered; the arms have the seed of the experiment.
    """
    policy = replace(policy, capacity=replace(policy.capacity, total=contacts_per_week))
    drawn, assigned = SCHEMA.empty_table(), []
    weeks = sorted(pc.unique(rows["as_of"]).to_pylist())
    for at in weeks:
        of_week = rows.filter(pc.equal(rows["as_of"], pa.scalar(at, TIME)))
        orders, _, arms = rank.assigned_lists(of_week, policy, None, Running(experiment, drawn))
        if arms is not None:
            drawn = pa.concat_tables([drawn, arms.new])
            assigned.append(orders_of(arms, arms.new, orders))
    orders = pa.concat_tables(assigned)
    truth = rows.take(pc.index_in(orders["order_id"], value_set=rows["order_id"].combine_chunks()))
    unit = pc.index_in(unit_key(orders), value_set=unit_key(drawn)).to_numpy()
    contact = pc.equal(drawn["arm"], "contact").to_numpy()[unit]
    compared = pc.not_equal(drawn["stratum"], "exempt").to_numpy()[unit]
    chance = floats(truth, "p_uncontacted_30d") + contact * floats(truth, "contact_effect_30d")
    label = (np.random.default_rng(seed).random(orders.num_rows) < chance).astype(np.float64)
    orders = orders.append_column("label", make.array(label))
    orders = orders.append_column("is_contacted", make.array(contact.astype(np.float64)))
    end: datetime = weeks[-1] + timedelta(days=experiment.horizon_days)
    amount = floats(orders, "outstanding_value") * 100
    extra = amount * floats(drawn, "propensity")[unit] * floats(truth, "contact_effect_30d")
    return SimulatedYear(
        contacts_per_week=contacts_per_week,
        contacted=int(np.unique(unit[contact & compared]).size),
        came_back=float((amount * label)[contact & compared].sum()),
        true_extra=float(extra[compared].sum()),
        status=experiment_status.status(experiment, weeks[0], None, drawn, orders, end),
    )
