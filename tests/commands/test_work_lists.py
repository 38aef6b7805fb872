"""What the app asks of a published list, in a folder and in a database: search, and what changed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

import payrec
from payrec.commands.customer_search import search_customers
from payrec.commands.list_changes import list_changes
from payrec.common.errors import UsageError
from payrec.data.engines import connect
from payrec.publish import actions
from payrec.publish.export import stamped
from payrec.publish.lists import Publication
from payrec.publish.run_info import RunInfo, RunSummary
from payrec.publish.store import open_store
from payrec.worklist import rank
from payrec.worklist.policy import Policy

Make = Callable[..., pa.Table]
AS_OF = datetime(2026, 1, 31)


@pytest.fixture(params=["folder", "postgres"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Any]:
    if request.param == "folder":
        yield open_store(tmp_path)
        return
    with connect(request.getfixturevalue("postgres_url")) as engine:
        yield open_store(engine)


def publish(
    store: Any, rows: pa.Table, days: int = 0, contacts: pa.Table | None = None, most: int = 2,
    held_out: tuple[str, ...] = (),
) -> None:  # fmt: skip
    """Publish a list of so many days later."""
    at = AS_OF + timedelta(days=days)
    rows = rows.set_column(1, "as_of", pa.array([at] * rows.num_rows, pa.timestamp("us")))
    orders, customers = rank.ranked_lists(rows, Policy(capacity={"total": most}))
    reasons = ["held_out" if row["customer_id"] in held_out else row["suppressed_reason"] for row in orders.to_pylist()]
    orders = orders.set_column(
        orders.column_names.index("suppressed_reason"), "suppressed_reason", pa.array(reasons, pa.string())
    )
    run = RunInfo(f"r{days}", at, at, "m", "p", "i", 30, None, RunSummary(at, at, rows.num_rows))
    details: dict[str, Any] = {"customers": lambda: iter(stamped(customers, run.stamp).to_batches())}
    if contacts is not None:
        details["contacts"] = lambda: iter(contacts.to_batches())
    assert store.commit(Publication(run, orders, details))


def test_search_by_part_of_id_name_email_phone_and_order_in_any_case(store: Any, open_orders: Make) -> None:
    rows = open_orders(
        {"order_id": "INV-1", "customer_id": "C-17", "outstanding_minor": 100},
        {"order_id": "INV-20", "customer_id": "c-2", "outstanding_minor": 300},
        {"order_id": "inv-21", "customer_id": "c-3", "outstanding_minor": 200},
        {"order_id": "x%_'", "customer_id": None},
    )
    contacts = pa.table(
        {
            "customer_id": ["C-17", "c-2"],
            "name": ["Ärzte am Markt", None],
            "email": [None, "AP@Example.org"],
            "phone": ["+49 30 123", None],
        }
    )
    publish(store, rows, contacts=contacts)

    def ids(part: str) -> tuple[str, ...]:
        return search_customers(part, store).customer_ids

    assert ids("inv-2") == ids("INV-2") == ("c-2", "c-3")  # the greater rank first
    assert ids("c-1") == ids("ärzte") == ids("ÄRZTE AM") == ids("0 12") == ("C-17",)
    assert ids("example.ORG") == ("c-2",)
    assert ids(" ") == ids("c%") == ids("x%_'") == ids("c.2") == ()
    assert (search_customers("c-", store, most=1).customer_ids, search_customers("c-", store).total) == (("c-2",), 3)


def test_what_changed_says_who_is_new_gone_and_why_and_moved(store: Any, open_orders: Make) -> None:
    def day(**customers: Any) -> pa.Table:
        return open_orders(*({"customer_id": name, "order_id": name, **more} for name, more in customers.items()))

    def owes(amount_minor: int, **more: Any) -> dict[str, Any]:
        return {"outstanding_minor": amount_minor, **more}

    publish(store, day(a=owes(900), b=owes(800), c=owes(700), d=owes(600), e=owes(500), f=owes(100)), most=5)
    assert list_changes(store).before is None
    later = day(
        a=owes(100), b=owes(800), c=owes(700, is_opted_out=1), e=owes(50), f=owes(950), g=owes(500)
    )  # d was paid
    publish(store, later, days=1, most=4)
    changes = list_changes(store)
    assert changes.before is not None
    assert (changes.before.run_id, changes.now.run_id) == ("r0", "r1")
    assert [(one.customer_id, one.change, one.why, one.rank, one.rank_before) for one in changes.changes] == [
        ("f", "new", "beyond capacity", 1, 6),
        ("g", "new", "nothing open", 3, None),
        ("c", "gone", "opted_out", None, 3),
        ("d", "gone", "nothing open", None, 4),
        ("e", "gone", "beyond capacity", 5, 5),
        ("a", "moved", None, 4, 1),
    ]
    assert [str(one.outstanding) for one in changes.changes[:4]] == ["9.50", "5.00", "7.00", "6.00"]


def test_without_a_list_nothing_is_searched_or_compared(tmp_path: Path) -> None:
    for ask in (lambda: search_customers("a", tmp_path), lambda: list_changes(tmp_path)):
        with pytest.raises(UsageError, match="found no published list"):
            ask()


def test_actions_that_no_longer_fit_the_list_are_recorded_with_one_sentence(store: Any, open_orders: Make) -> None:
    """A customer who left the list, one that is held out, one from a list two runs old, and a time in the past."""

    def day(**customers: Any) -> pa.Table:
        return open_orders(*({"customer_id": name, "order_id": name, **more} for name, more in customers.items()))

    def told(kind: Any, customer_id: str, **more: Any) -> tuple[str, ...]:
        logged = payrec.log(kind, customer_id, now, "kim", store, **more)
        assert logged.is_new
        return logged.warnings

    now = AS_OF + timedelta(days=2, hours=9)
    publish(store, day(a={}, b={}, gone={}))
    publish(store, day(a={}, b={}), days=1)
    publish(store, day(a={}, b={}, silent={"is_opted_out": 1}), days=2, held_out=("b",))
    assert told("contacted", "a", outcome="spoke", at=AS_OF) == ()  # in the past
    assert told("contacted", "gone", outcome="spoke") == (
        "customer gone is not on the list as of 2026-02-02: the action is recorded, and applies to open orders",
    )
    assert told("contacted", "silent", outcome="spoke") == (
        "customer silent was not to be contacted (opted_out): the contact is recorded",
    )
    assert told("contacted", "b", outcome="spoke") == (
        "customer b is held out: the contact is recorded, and weakens what the experiment can say",
    )
    assert told("note", "silent", note="x") == ()
    assert len(actions.read(store)) == 5
    with pytest.raises(UsageError, match="found until 2026-01-01, expected a day from 2026-02-02 to 2199-12-31"):
        told("snoozed", "a", until=date(2026, 1, 1))
