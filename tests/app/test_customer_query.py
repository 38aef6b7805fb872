"""The list by customer by SQL: the first view is the published list, its parts do not overlap, marks keep the count."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from payrec.app import customer_query, list_query
from payrec.app.customer_index import CustomerList
from payrec.app.customer_query import CustomerView, Marked
from payrec.app.list_query import View
from payrec.common.errors import DataRefused
from payrec.worklist import action_marks, policy, rank
from tests.app.test_list_query import scored

EVERYONE = tuple(f"c{at}" for at in range(5))


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> CustomerList:
    folder = tmp_path_factory.mktemp("customers")
    orders, customers = rank.ranked_lists(scored(60), policy.Policy(capacity=policy.Capacity(total=4)))
    paths = CustomerList(folder / "customers.parquet", folder / "scores.parquet")
    pyarrow.parquet.write_table(customers, paths.customers)
    pyarrow.parquet.write_table(orders, paths.orders)
    return paths


def keys(rows: list[dict[str, object]]) -> list[tuple[object, object]]:
    return [(row["customer_id"], row["ev_currency"]) for row in rows]


def all_choices(files: CustomerList) -> list_query.Choices:
    return customer_query.choices(files, list_query.choices(files.orders))


def test_the_first_view_is_the_published_list(files: CustomerList) -> None:
    flagged = pyarrow.parquet.read_table(files.customers).filter(pa.compute.field("priority_flag") == 1)
    choices = all_choices(files)
    rows = customer_query.page(files, CustomerView(View(choices.prioritised), choices.last_flagged), "to_do", "Rank")
    assert choices.prioritised == 4
    assert keys(rows) == keys(flagged.to_pylist())


def test_a_customer_has_its_orders_ranked_ones_first_and_owes_their_sum(files: CustomerList) -> None:
    view = CustomerView(View(80), all_choices(files).last_flagged)
    for row in customer_query.page(files, view, "to_do", "Rank"):
        ranks = [order["rank"] or 10**9 for order in row["orders"]]
        assert ranks == sorted(ranks)
        assert sum(order["outstanding"] for order in row["orders"]) == row["outstanding_value"]


@settings(max_examples=60, deadline=None)
@given(
    done=st.lists(st.sampled_from(EVERYONE), unique=True).map(tuple),
    capacity=st.integers(1, 12),
    country=st.lists(st.sampled_from(["DE", "FR", "unknown"]), max_size=2, unique=True).map(tuple),
    find=st.sampled_from(["", "C1", "o00", "nobody"]),
    sort=st.sampled_from(list(customer_query.SORTS)),
)
def test_marks_move_customers_between_parts_and_change_no_capacity(
    files: CustomerList, done: tuple[str, ...], capacity: int, country: tuple[str, ...], find: str, sort: str
) -> None:
    last_flagged = all_choices(files).last_flagged
    view = View(capacity, country=country, find=find)
    before = customer_query.page(files, CustomerView(view, last_flagged), "to_do", sort)
    marked = CustomerView(view, last_flagged, Marked(done=done))
    after, of_done = (customer_query.page(files, marked, part, sort) for part in ("to_do", "done"))
    assert keys(after) == [key for key in keys(before) if key[0] not in done]
    assert {name for name, _ in keys(of_done)} <= set(done)
    totals = customer_query.totals(files, marked)
    assert sum(row["to_do"] for row in totals) == len(after)
    assert sum(row["chosen"] for row in totals) == len(before)
    assert customer_query.whole(files, marked, "to_do").num_rows == len(after)


@pytest.fixture(scope="module")
def silenced(tmp_path_factory: pytest.TempPathFactory) -> CustomerList:
    """Customers of the other list, and eight of whom every order is in dispute: e0 … e7, in two currencies."""
    orders = scored(76)
    named = [f"e{at % 8}" if at >= 60 else name for at, name in enumerate(orders["customer_id"].to_pylist())]
    disputed = [int(at >= 60) or flag for at, flag in enumerate(orders["is_disputed"].to_pylist())]
    for name, values in (("customer_id", named), ("is_disputed", disputed)):
        orders = orders.set_column(orders.column_names.index(name), name, pa.array(values))
    folder = tmp_path_factory.mktemp("silenced")
    ranked, customers = rank.ranked_lists(orders, policy.Policy(capacity=policy.Capacity(total=4)))
    paths = CustomerList(folder / "customers.parquet", folder / "scores.parquet")
    pyarrow.parquet.write_table(customers, paths.customers)
    pyarrow.parquet.write_table(ranked, paths.orders)
    return paths


def test_customers_not_contacted_come_by_what_they_owe_the_largest_of_each_currency_first(
    silenced: CustomerList,
) -> None:
    rows = customer_query.page(silenced, CustomerView(View(80), 0), "not_contacted", "Rank")
    assert {row["customer_id"] for row in rows} == {f"e{at}" for at in range(8)}
    by_unit = {
        unit: [row["outstanding_value"] for row in rows if row["ev_currency"] == unit] for unit in ("EUR", "USD")
    }
    assert all(amounts == sorted(amounts, reverse=True) for amounts in by_unit.values())
    assert {row["ev_currency"] for row in rows[:2]} == {"EUR", "USD"}


@settings(max_examples=40, deadline=None)
@given(
    country=st.lists(st.sampled_from(["DE", "FR", "unknown"]), max_size=2, unique=True).map(tuple),
    provider=st.lists(st.sampled_from(["alder", "birch"]), max_size=1).map(tuple),
    ages=st.lists(st.sampled_from(list(list_query.AGES)), max_size=2, unique=True).map(tuple),
    find=st.sampled_from(["", "E1", "o06", "C4", "nobody"]),
    least=st.sampled_from([None, 300.0]),
)
def test_a_customer_is_in_the_view_if_one_of_the_orders_passes_the_filters(
    silenced: CustomerList, country: tuple[str, ...], provider: tuple[str, ...], ages: tuple[str, ...], find: str,
    least: float | None,
) -> None:  # fmt: skip
    view = View(80, country=country, provider=provider, ages=ages, find=find, least=least)
    bands = [list_query.AGES[label] for label in ages]
    passing = {
        (order["customer_id"], order["ev_currency"])
        for order in pyarrow.parquet.read_table(silenced.orders).to_pylist()
        if (not country or (order["country"] or "unknown") in country)
        and (not provider or order["provider"] in provider)
        and (not bands or any(low <= order["age_days"] <= high for low, high in bands))
        and (least is None or order["outstanding"] >= least)
        and any(find.lower() in order[name] for name in ("order_id", "customer_id"))
    }
    of = CustomerView(view, 0)
    shown = [row for part in ("to_do", "not_contacted") for row in customer_query.page(silenced, of, part, "Rank")]
    assert set(keys(shown)) == passing
    totals = customer_query.totals(silenced, of)
    assert sum(row["customers"] for row in totals) == len(passing)
    owed = {
        unit: sum(row["outstanding_value"] for row in shown if row["ev_currency"] == unit) for unit in ("EUR", "USD")
    }
    assert {row["ev_currency"]: row["outstanding"] for row in totals} == {
        unit: float(amount) for unit, amount in owed.items() if amount
    }


def test_a_list_that_is_written_again_is_read_again(files: CustomerList, tmp_path: Path) -> None:
    paths = CustomerList(tmp_path / "customers.parquet", files.orders)
    customers = pyarrow.parquet.read_table(files.customers)
    pyarrow.parquet.write_table(customers, paths.customers)
    assert all_choices(paths).ranked == customers.num_rows
    pyarrow.parquet.write_table(customers.slice(1), paths.customers)  # as after the erasure of a customer
    assert all_choices(paths).ranked == customers.num_rows - 1
    rows = customer_query.page(paths, CustomerView(View(80), 0), "to_do", "Rank")
    assert keys(rows) == keys(customers.slice(1).to_pylist())


def test_a_damaged_list_is_a_sentence(files: CustomerList, tmp_path: Path) -> None:
    path = tmp_path / "customers.parquet"
    path.write_bytes(files.customers.read_bytes()[:-9])
    with pytest.raises(DataRefused, match="damaged or gone"):
        all_choices(CustomerList(path, files.orders))


def test_what_is_expected_is_that_of_the_orders_behind_it(files: CustomerList) -> None:
    view = CustomerView(View(3), all_choices(files).last_flagged)
    values = customer_query.chosen_values(files, view).to_pylist()
    for row in customer_query.totals(files, view):
        of_unit = [one for one in values if one["ev_currency"] == row["ev_currency"]]
        expected = sum(one["p_recover_30d"] * float(one["outstanding_value"]) for one in of_unit)
        assert row["expected"] == pytest.approx(expected, abs=0.01 * len(of_unit))


def test_a_part_of_a_name_or_address_in_any_case_finds_the_customer(files: CustomerList, tmp_path: Path) -> None:
    contacts = tmp_path / "contacts.parquet"
    people = [
        {
            "customer_id": "c1",
            "name": "Ørsted Bäckerei",
            "email": "kasse@example.com",
            "phone": None,
            "parent_id": None,
        },
        {"customer_id": "c2", "name": None, "email": None, "phone": "+49 30 1", "parent_id": "holding"},
    ]
    pyarrow.parquet.write_table(pa.Table.from_pylist([one | {"language": "de"} for one in people]), contacts)
    texts = {"ørsted": "c1", "KASSE@": "c1", "Hold": "c2", "49 30": "c2", "C3": "c3", "%": None, "'": None}
    for text, customer in texts.items():
        view = View(80, find=text, contacts=contacts)
        rows = customer_query.page(files, CustomerView(view, 0), "to_do", "Rank")
        assert {row["customer_id"] for row in rows} == ({customer} if customer else set())
        orders = list_query.page(files.orders, view, 0)["customer_id"].to_pylist()
        assert set(orders) == ({customer} if customer else set())
    assert customer_query.people(contacts, ["c1"])["c1"]["name"] == "Ørsted Bäckerei"


def test_mine_are_those_assigned_to_me_and_the_policys_that_nobody_else_took(files: CustomerList) -> None:
    marked = Marked(mine=("c1",), others=("c2",))
    rows = customer_query.page(files, CustomerView(View(80), 0, marked, "kim"), "to_do", "Rank")
    assert {row["customer_id"] for row in rows} == {"c1"}


def test_a_contact_with_one_customer_of_a_parent_is_that_of_all(tmp_path: Path) -> None:
    parents = [{"customer_id": name, "mark": "parent", "text": "holding"} for name in ("c0", "c1")]
    marks = pa.Table.from_pylist(parents, schema=action_marks.SCHEMA)
    rules = policy.Policy(capacity=policy.Capacity(total=2))
    orders, customers = rank.ranked_lists(scored(60), rules, marks=marks)
    paths = CustomerList(tmp_path / "customers.parquet", tmp_path / "scores.parquet")
    pyarrow.parquet.write_table(customers, paths.customers)
    pyarrow.parquet.write_table(orders, paths.orders)
    flagged = customers.filter(pa.compute.field("priority_flag") == 1)
    view = CustomerView(View(2), all_choices(paths).last_flagged)
    assert keys(customer_query.page(paths, view, "to_do", "Rank")) == keys(flagged.to_pylist())
    everyone = CustomerView(View(80), 0)
    left = customer_query.page(paths, everyone, "to_do", "Rank")
    spoken = CustomerView(View(80), 0, Marked(done=("c0",), spoken=("c0",)))
    after = customer_query.page(paths, spoken, "to_do", "Rank")
    assert keys(after) == [key for key in keys(left) if key[0] not in ("c0", "c1")]
    older = CustomerList(tmp_path / "older.parquet", paths.orders)
    names = ["contact_group", "contact_no", "machine_flag"]
    pyarrow.parquet.write_table(customers.drop_columns(names), older.customers)
    assert keys(customer_query.page(older, everyone, "to_do", "Rank")) == keys(left)
    assert keys(customer_query.page(older, spoken, "done", "Rank")) == [key for key in keys(left) if key[0] == "c0"]
