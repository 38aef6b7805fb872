"""What the functions beneath the app cost at half a million open orders: ``python -m benchmarks.customers [--orders N]``.

Prints CPU seconds (all threads; the median of five calls) of a page of customers, unfolding one, a filter, a search,
marking one (recording an action and reading the states again), and comparing two lists; each should stay below 0.1.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable
from datetime import date, datetime, timedelta
from decimal import Decimal
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

import payrec
from payrec.app import customer_query, list_query
from payrec.app.customer_index import CustomerList
from payrec.app.customer_query import CustomerView
from payrec.app.list_query import View
from payrec.commands.customer_search import search_customers
from payrec.commands.customer_states import customer_states
from payrec.commands.list_changes import list_changes
from payrec.publish import actions
from payrec.publish.export import stamped
from payrec.publish.folder_store import FolderStore
from payrec.publish.lists import Publication
from payrec.publish.run_info import RunInfo, RunSummary
from payrec.worklist import rank
from payrec.worklist.policy import Policy

AS_OF, CALLS, CAPACITY = datetime(2026, 6, 30), 5, 500


def open_orders(orders: int, as_of: datetime, seed: int) -> pa.Table:
    """Return rows of the feature view: two orders a customer, as the list reads them."""
    numbers, draws = np.arange(orders), np.random.default_rng(seed)
    outstanding = draws.integers(500, 200_000, orders)
    return pa.table(
        {
            "order_id": pa.array([f"INV-{number:07d}" for number in numbers]),
            "as_of": pa.array([as_of] * orders, pa.timestamp("us")),
            "customer_id": pa.array([f"c{number // 2:07d}" for number in numbers]),
            "amount": pa.array([Decimal(int(minor)) / 100 for minor in outstanding], pa.decimal128(18, 2)),
            "currency": pa.array(np.where(numbers % 10 < 7, "EUR", "USD").tolist()),
            "country": pa.array(np.where(numbers % 4 < 2, "DE", "FR").tolist()),
            "outstanding_minor": outstanding,
            "horizon_days": np.full(orders, 30),
            "age_days": draws.integers(0, 200, orders),
            "p_recover_30d": draws.random(orders),
            "is_disputed": (draws.random(orders) < 0.02).astype(np.int16),
        }
    )


def publish(store: FolderStore, orders: int, day: int) -> None:
    """Publish a list with names of its customers."""
    at = AS_OF + timedelta(days=day)
    by_order, by_customer = rank.ranked_lists(open_orders(orders, at, day), Policy(capacity={"total": CAPACITY}))
    run = RunInfo(f"r{day}", at, at, "m", "p", "i", 30, None, RunSummary(at, at, orders))
    ids = pa.array([f"c{number:07d}" for number in range(orders // 2)])
    contacts = pa.table({
        "customer_id": ids, "name": pa.array([f"Company {number} Ltd" for number in range(orders // 2)]),
        "email": pa.array([f"ap{number}@company.example" for number in range(orders // 2)]),
        "phone": pa.nulls(orders // 2, pa.string()),
    })  # fmt: skip
    details = {"customers": lambda: iter(stamped(by_customer, run.stamp).to_batches()),
               "contacts": lambda: iter(contacts.to_batches())}  # fmt: skip
    store.commit(Publication(run, by_order, details))


def steps(store: FolderStore) -> dict[str, Callable[[], Any]]:
    """Return what is measured: its name, and a function that does it once."""
    run = store.current()
    assert run is not None
    run_id = run.run.run_id
    files = CustomerList(store.detail_file(run_id, "customers"), store.scores_file(run_id))
    choices = customer_query.choices(files, list_query.choices(files.orders))
    view = CustomerView(View(capacity=CAPACITY), choices.last_flagged)
    filtered = CustomerView(View(capacity=CAPACITY, country=("DE",), ages=("over 90",)), choices.last_flagged)
    numbers = count()

    def mark() -> None:
        now = AS_OF + timedelta(days=1, seconds=next(numbers))
        payrec.log("contacted", "c0000042", now, "kim", store, outcome="spoke")
        customer_states(actions.read(store, AS_OF), AS_OF, date(2026, 7, 1))

    return {
        "page of 50": lambda: customer_query.page(files, view, "to_do", "Rank"),
        "unfold": lambda: customer_query.orders_of(files.orders, ["c0000042"]),
        "filter": lambda: customer_query.page(files, filtered, "to_do", "Rank"),
        "search, invoice": lambda: search_customers("inv-00123", store),
        "search, name": lambda: search_customers("company 4711", store),
        "mark": mark,
        "what changed": lambda: list_changes(store),
    }


def main() -> None:
    """Publish two lists, measure, print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.customers", description=__doc__)
    parser.add_argument("--orders", type=int, default=500_000)
    orders = parser.parse_args().orders
    with tempfile.TemporaryDirectory() as folder:
        store = FolderStore(Path(folder))
        for day in (0, 1):
            publish(store, orders, day)
        print(f"{orders:,} open orders, {orders // 2:,} customers")
        for name, step in steps(store).items():
            step()  # what all sessions share is read
            cpu_s, wall_s = [], []
            for _ in range(CALLS):
                cpu, wall = time.process_time(), time.perf_counter()
                step()
                cpu_s.append(time.process_time() - cpu)
                wall_s.append(time.perf_counter() - wall)
            print(f"{name:>16}  {statistics.median(cpu_s):.3f} CPU s  {statistics.median(wall_s):.3f} s")


if __name__ == "__main__":
    main()
