"""Random assignment: which customers are contacted and which are held out, decided by hash before a list is shown.

A customer's number in [0, 1) is a hash of seed, experiment, epoch and customer: every engine and every replay gives
the same. An epoch is one window of ``horizon_days`` from the night on which the customer's turn came; it has one arm.

- ``top``: the customer is within the capacity. It is held out with probability ``share``.
- ``explored``: drawn from ranks K + 1 to 5K for a share of the K contacts. Half of those drawn are contacted, half are
  held out, so that the effect of a contact becomes known beyond the customers that are contacted anyway.
- ``exempt``: owes more than ``max_amount``. It is never held out and not part of the comparison.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any

import numpy as np
import pyarrow as pa

from payrec.common.arrow import TIME, Flags, Floats, Whole, make, minor, pc, text, times, whole

CONTACT, HOLD = "contact", "hold"
TOP, EXPLORED, EXEMPT = "top", "explored", "exempt"
EXPLORED_RANKS = 5  # explored are the ranks up to this many times the capacity
EXPLORED_HELD = 0.5
EXPLORED_DAYS = 3  # an explored customer stays among the first of the list for this long
_BITS = 53  # of the hash: all that a float holds exactly

_COLUMNS: list[tuple[str, pa.DataType]] = [
    ("customer_id", pa.string()),
    ("epoch", pa.int64()),
    ("random_number", pa.float64()),
    ("arm", pa.string()),
    ("propensity", pa.float64()),  # probability of the arm contact
    ("stratum", pa.string()),
    ("rank_if_free", pa.int64()),  # rank in the list if nobody were held out
    ("as_of", TIME),
]
SCHEMA = pa.schema(_COLUMNS)
"""One row per customer and epoch of an experiment."""


@dataclass(frozen=True)
class Experiment:
    """What decides the arms.

    Attributes
    ----------
    share
        Share held out of the customers whose turn has come.
    explore_share
        Share of the capacity for customers from lower ranks; 0: none.
    max_amount
        By currency: customers that owe more are never held out.
    horizon_days
        Length of an epoch: the days within which a payment counts.
    planned_customers
        Number of customers at which the comparison is planned to end.
    """

    experiment_id: str
    seed: int
    share: float
    explore_share: float = 0.2
    max_amount: Mapping[str, Decimal] = field(default_factory=dict)
    horizon_days: int = 30
    planned_customers: int = 5_000

    def to_json(self) -> str:
        """Return the experiment as one JSON text."""
        return json.dumps({**vars(self), "max_amount": {name: str(most) for name, most in self.max_amount.items()}})

    @classmethod
    def from_json(cls, stored: str) -> Experiment:
        """Read what :meth:`to_json` wrote."""
        plain = json.loads(stored)
        return cls(**plain | {"max_amount": {name: Decimal(most) for name, most in plain["max_amount"].items()}})


@dataclass(frozen=True)
class Running:
    """An experiment that runs, and the assignments that earlier lists drew, in the columns of ``SCHEMA``."""

    experiment: Experiment
    earlier: pa.Table


@dataclass(frozen=True)
class Arms:
    """The arms behind one list: customers held out now and until when, customers explored now, and the new rows.

    ``new`` has the columns of ``SCHEMA``; ``known`` names every customer that has an arm now. ``features``: ``order_id,
    features`` of the orders of new rows, what may move the effect of a contact as JSON.
    """

    held: Any  # Arrow strings
    held_until: Any  # Arrow times, one for each
    explored: Any
    known: Any
    new: pa.Table
    features: pa.Table | None = None


def random_numbers(experiment: Experiment, customers: Sequence[str], epochs: Sequence[int], use: str = "arm") -> Floats:
    """Return a number in [0, 1) for each customer and epoch: the first 53 bits of a sha256, (n,).

    >>> random_numbers(Experiment("e1", 7, 0.2), ["c1", "c1"], [1, 2]).round(3).tolist()
    [0.82, 0.827]
    """
    return (
        np.array(
            [
                int.from_bytes(
                    hashlib.sha256(
                        json.dumps([experiment.seed, experiment.experiment_id, use, epoch, customer]).encode()
                    ).digest()[:8],
                    "big",
                )
                >> (64 - _BITS)
                for customer, epoch in zip(customers, epochs, strict=True)
            ],
            dtype=np.float64,
        )
        / 2.0**_BITS
    )


def drawn(customers: pa.Table, running: Running, as_of: datetime, capacity: int | None, least_reach: int = 0) -> Arms:
    """Draw the arms of the customers whose turn has come, and look up those that have one.

    Parameters
    ----------
    customers
        The list by customer as if nobody were held out, in the columns of ``customer_list.SCHEMA``.
    capacity
        Contacts of one list; None: everyone for whom a contact pays.
    least_reach
        Draw at least down to this rank: other limits than the capacity can let a list reach further.

    Whether a customer's turn has come never depends on its own number, so the arms are random whoever is reached.
    """
    experiment = running.experiment
    listed = _listed(customers, experiment)
    names: list[Any] = listed["customer_id"].to_pylist()
    keys: list[Any] = listed["contact"].to_pylist()
    ranks, at = whole(listed, "rank"), np.datetime64(as_of, "us")
    pays, exempt = ranks > 0, listed["exempt"].to_numpy(zero_copy_only=False)
    now = _standing(names, running.earlier, as_of, experiment.horizon_days)
    epochs = np.where(now.is_in_window, now.epoch, now.epoch + 1)
    number = random_numbers(experiment, keys, epochs.tolist())
    free = pays & ~now.is_in_window & ~exempt
    to_explore = random_numbers(experiment, keys, epochs.tolist(), use=f"explored {as_of.isoformat()}")
    explored = now.is_explored_now | _explored(ranks, free, now, to_explore, experiment.explore_share, capacity)
    held = np.where(now.is_in_window, now.is_held, number < np.where(explored, EXPLORED_HELD, experiment.share))
    first, decides = _of_contacts(keys, now.is_in_window)  # customers of one parent have one arm
    held, explored, exempt = (held & ~exempt)[decides], explored[decides], exempt[decides]
    propensity = np.where(exempt, 1.0, np.where(explored, 1.0 - EXPLORED_HELD, 1.0 - experiment.share))
    leads = pays & ~held & ~explored & (first == np.arange(first.size))
    before: Whole = (np.cumsum(leads) - leads)[first]  # contacts by rank that come before this customer's
    left = np.inf if capacity is None else capacity - np.unique(first[pays & explored & ~held]).size
    reached = pays & ((before < left) | (ranks <= least_reach) | explored)
    columns = {
        "customer_id": listed["customer_id"],
        "epoch": make.array(epochs),
        "random_number": make.array(number),
        "arm": make.array(np.where(held, HOLD, CONTACT)),
        "propensity": make.array(propensity),
        "stratum": make.array(np.where(exempt, EXEMPT, np.where(explored, EXPLORED, TOP))),
        "rank_if_free": make.array(ranks),
        "as_of": make.array(np.full(ranks.size, at)),
    }
    table = pa.table(columns, schema=SCHEMA)
    is_held = held & (reached | now.is_in_window)
    begins, horizon = np.where(now.is_in_window, now.since, at), np.timedelta64(experiment.horizon_days, "D")
    return Arms(
        held=table["customer_id"].filter(make.array(is_held)),
        held_until=make.array((begins[is_held] + horizon).astype("datetime64[us]")),
        explored=table["customer_id"].filter(make.array(pays & explored & ~held)),
        known=table["customer_id"].filter(make.array(reached | now.is_in_window)),
        new=table.filter(make.array(reached & ~now.is_in_window)),
    )


@dataclass(frozen=True)
class _Standing:
    """Where n customers stand: the number of the last epoch (0: none), and of that epoch what counts now."""

    epoch: Whole
    since: Any
    is_in_window: Flags
    is_held: Flags
    is_explored_now: Flags


def _of_contacts(keys: list[Any], is_in_window: Flags) -> tuple[Whole, Whole]:
    """Return for each customer, in the order of ranks, the first of its contact, and the one whose arm all have (n,).

    That is the first within its window, else the first.
    """
    of = np.unique(make.array(keys, pa.string()).to_numpy(zero_copy_only=False).astype(str), return_inverse=True)[1]
    firsts = []
    for later in (np.zeros(of.size, dtype=np.bool_), ~is_in_window):
        in_order = np.lexsort((np.arange(of.size), later, of))
        begins = np.concatenate(([True], np.diff(of[in_order]) != 0)) if of.size else later
        firsts.append(in_order[begins][of] if of.size else of)
    return firsts[0], firsts[1]


def _listed(customers: pa.Table, experiment: Experiment) -> pa.Table:
    """Return ``customer_id, contact, rank, exempt`` by rank, one row a customer; rank 0, last: no contact pays.

    What a machine does is no contact.
    """
    customers = customers.filter(pc.is_null(customers["machine_flag"]))
    exempt = np.zeros(customers.num_rows, dtype=np.bool_)
    owed = minor(pa.table({"owed": pc.fill_null(customers["outstanding_value"], Decimal())}), "owed")
    for currency, most in experiment.max_amount.items():
        exempt |= (owed > int(most * 100)) & pc.equal(text(customers, "ev_currency"), currency).to_numpy(
            zero_copy_only=False
        )
    ids = text(customers, "customer_id")
    net = minor(pa.table({"net": pc.fill_null(customers["net_value"], Decimal(-1))}), "net")
    contact_no = whole(customers, "contact_no")
    of_contact = np.zeros(int(contact_no.max(initial=0)) + 1, dtype=np.int64)
    np.add.at(of_contact, contact_no, net)
    ranks = np.where(of_contact[contact_no] >= 0, whole(customers, "rank"), 0)
    by_rank = np.lexsort((ranks, ranks == 0))
    _, first = np.unique(ids.to_numpy(zero_copy_only=False).astype(str)[by_rank], return_index=True)
    kept = make.array(by_rank[np.sort(first)])
    contact = pc.coalesce(text(customers, "contact_group"), ids)
    is_exempt = pc.is_in(contact, value_set=contact.filter(make.array(exempt)))
    columns = {"customer_id": ids, "contact": contact, "rank": make.array(ranks), "exempt": is_exempt}
    return pa.table(columns).take(kept)


def _standing(names: list[str], earlier: pa.Table, as_of: datetime, horizon_days: int) -> _Standing:
    latest = earlier.sort_by([("customer_id", "ascending"), ("epoch", "descending")])
    ids = latest["customer_id"].to_numpy(zero_copy_only=False).astype(str)
    latest = latest.take(make.array(np.unique(ids, return_index=True)[1]))
    at = pc.index_in(make.array(names, pa.string()), value_set=latest["customer_id"].combine_chunks())
    rows = latest.take(at)
    since = times(rows, "as_of")
    now, window = np.datetime64(as_of, "us"), np.timedelta64(horizon_days, "D")
    in_window: Flags = ~np.isnat(since) & (now < since + window)
    explored: Flags = pc.equal(rows["stratum"], EXPLORED).fill_null(False).to_numpy()
    return _Standing(
        epoch=whole(rows, "epoch"),
        since=since,
        is_in_window=in_window,
        is_held=in_window & pc.equal(rows["arm"], HOLD).fill_null(False).to_numpy(),
        is_explored_now=in_window & explored & (now < since + np.timedelta64(EXPLORED_DAYS, "D")),
    )


def _explored(
    ranks: Whole, free: Flags, now: _Standing, number: Floats, explore_share: float, capacity: int | None
) -> Flags:
    """Draw customers without an arm from ranks K + 1 to 5K, twice as many as contacts are left for them."""
    if capacity is None or explore_share == 0:
        return np.zeros(ranks.size, dtype=np.bool_)
    shown = int((now.is_explored_now & ~now.is_held).sum())
    wanted = max(round(capacity * explore_share) - shown, 0) / (1.0 - EXPLORED_HELD)
    candidates = free & (ranks > capacity) & (ranks <= EXPLORED_RANKS * capacity)
    chosen: Flags = candidates & (number < wanted / max(int(candidates.sum()), 1))
    return chosen
