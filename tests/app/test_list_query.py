"""Filters, capacity and cost by SQL: the first view is the published list, and what is shown is what is exported."""

from __future__ import annotations

import io
from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from payrec.app import list_query, month_query
from payrec.app.list_query import View
from payrec.publish import export
from payrec.worklist import policy, rank

AS_OF = datetime(2026, 6, 30)


def scored(n: int) -> pa.Table:
    """Open orders with known values: amounts 10, 20, …; p falls with the number."""
    rows = [
        {
            "order_id": f"o{at:03}",
            "as_of": AS_OF,
            "customer_id": f"c{at % 5}",
            "age_days": 7 * at % 95,
            "horizon_days": 30,
            "amount": Decimal(10 * (at + 1)),
            "currency": "EUR" if at % 3 else "USD",
            "outstanding_minor": 1000 * (at + 1),
            "country": ["DE", "FR", None][at % 3],
            "provider": "alder" if at % 2 else "birch",
            "reason_code": "insufficient_funds",
            "is_disputed": int(at % 10 == 9),
            "p_recover_30d": None if at % 20 == 7 else 1 / (at + 2),
        }
        for at in range(n)
    ]
    return pa.Table.from_pylist(rows)


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("list") / "scores.parquet"
    rules = policy.Policy(capacity=policy.Capacity(total=12))
    pyarrow.parquet.write_table(rank.rank(scored(60), rules), path)
    return path


def chosen(file: Path, view: View) -> list[str]:
    found: list[str] = list_query.whole(file, view, list_query.choices(file).last_flagged)["order_id"].to_pylist()
    return found


def test_the_first_view_is_the_published_list(file: Path) -> None:
    found = list_query.choices(file)
    flagged = pyarrow.parquet.read_table(file).filter(pa.compute.field("priority_flag") == 1)["order_id"].to_pylist()
    assert chosen(file, View(found.prioritised)) == flagged
    assert found.prioritised == 12


def test_choices_are_the_values_that_are_there(file: Path) -> None:
    values = list_query.choices(file).values
    assert set(values["country"]) == {"DE", "FR", list_query.UNKNOWN}
    assert set(values["currency"]) == {"EUR", "USD"}
    assert values["owner"] == ()


VIEWS = st.builds(
    View,
    capacity=st.integers(1, 80),
    cost=st.sampled_from([0.0, 1.0, 9.9, 100.0]),
    ages=st.lists(st.sampled_from(list(list_query.AGES)), max_size=2, unique=True).map(tuple),
    country=st.lists(st.sampled_from(["DE", "FR", "unknown"]), max_size=2, unique=True).map(tuple),
    currency=st.lists(st.sampled_from(["EUR", "USD"]), max_size=1).map(tuple),
    least=st.none() | st.floats(0, 700),
    find=st.sampled_from(["", "o004", "c2", "' OR 1=1 --"]),
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(view=VIEWS)
def test_figures_table_and_export_tell_the_same_orders(file: Path, view: View) -> None:
    last = list_query.choices(file).last_flagged
    rows, shown = list_query.whole(file, view, last), list_query.page(file, view, last)
    sums = list_query.chosen_totals(file, view, last)
    assert shown["order_id"].to_pylist() == rows["order_id"].to_pylist()
    assert sum(row["orders"] for row in sums) == rows.num_rows <= view.capacity
    assert sum(row["expected"] for row in sums) == pytest.approx(sum(map(float, rows["ev_recovered"].to_pylist())))
    ranks = rows["rank"].to_pylist()
    assert ranks == sorted(ranks)
    assert all(net >= 0 for net in rows["net_value"].to_pylist())
    for name in ("country", "currency"):
        assert not getattr(view, name) or {v or "unknown" for v in rows[name].to_pylist()} <= set(getattr(view, name))


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(view=VIEWS)
def test_a_larger_capacity_only_adds(file: Path, view: View) -> None:
    more = chosen(file, replace(view, capacity=view.capacity + 5))
    assert more[: len(chosen(file, view))] == chosen(file, view)


def test_totals_count_all_orders_once_by_currency(file: Path) -> None:
    rows = list_query.totals(file, View())
    assert sum(row["orders"] for row in rows) == 60
    assert {row["currency"] for row in rows} == {"EUR", "USD"}


def test_the_curve_ends_at_all_that_is_expected(file: Path) -> None:
    curve = list_query.curve(file, View()).to_pandas()
    for row in list_query.totals(file, View()):
        part = curve[curve["ev_currency"] == row["currency"]]
        assert part["expected"].is_monotonic_increasing
        assert part["expected"].max() == pytest.approx(row["expected"])


def test_what_is_left_alone_is_never_among_the_chosen(file: Path) -> None:
    counts, rows = list_query.suppressed(file, View())
    assert {row["suppressed_reason"] for row in counts} == {"disputed", "older_than_model"}
    assert set(rows["order_id"].to_pylist()).isdisjoint(chosen(file, View(1000)))
    assert list_query.suppressed_whole(file, View()).num_rows == sum(row["orders"] for row in counts)


def test_the_export_reads_back_with_the_cost_taken_off(file: Path) -> None:
    view = View(5, cost=1.0, currency=("EUR",))
    rows = list_query.whole(file, view, list_query.choices(file).last_flagged)
    made = export.to_bytes(rows, ".parquet", export.Stamp(AS_OF, AS_OF, "m"))
    back = pyarrow.parquet.read_table(io.BytesIO(made)).to_pylist()
    assert all(row["net_value"] == row["ev_recovered"] - 1 for row in back)
    assert {row["priority_flag"] for row in back} == {1}


def test_the_pages_of_the_table_are_the_view_once_and_in_order(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(list_query, "TABLE_ROWS", 5)
    view, last = View(12), list_query.choices(file).last_flagged
    pages = [list_query.page(file, view, last, number)["order_id"].to_pylist() for number in (1, 2, 3)]
    assert [len(page) for page in pages] == [5, 5, 2]
    assert [name for page in pages for name in page] == chosen(file, view)


def test_the_newest_month_that_is_all_decided(tmp_path: Path) -> None:
    rows = [
        {"billing_month": datetime(2026, month, 1), "currency": currency, "failed_orders": failed,
         "decided_orders": decided, "recovered_orders": 1}
        for month, currency, failed, decided in [(3, "EUR", 2, 2), (4, "EUR", 3, 3), (4, "USD", 4, 4), (5, "EUR", 9, 8)]
    ]  # fmt: skip
    pyarrow.parquet.write_table(pa.Table.from_pylist(rows), tmp_path / "m.parquet")
    found = month_query.decided_month(tmp_path / "m.parquet")
    assert found == {"billing_month": datetime(2026, 4, 1), "decided_orders": 7, "recovered_orders": 2}
    assert month_query.month_currencies(tmp_path / "m.parquet") == ["EUR", "USD"]
    pyarrow.parquet.write_table(pa.Table.from_pylist(rows[3:]), tmp_path / "m.parquet")
    assert month_query.decided_month(tmp_path / "m.parquet") is None


def test_months_are_summed_over_currencies(tmp_path: Path) -> None:
    month = datetime(2026, 5, 1)
    row = {"billing_month": month, "orders": 4, "failed_orders": 2, "failed_minor": 500, "decided_orders": 2}
    row |= {"recovered_orders": 1, "decided_minor": 500, "recovered_minor": 200}
    rows = [row | {"currency": "EUR"}, row | {"currency": "USD", "failed_minor": 100}]
    pyarrow.parquet.write_table(pa.Table.from_pylist(rows), tmp_path / "m.parquet")
    assert month_query.months(tmp_path / "m.parquet", None)["orders"].to_pylist() == [8]
    assert month_query.months(tmp_path / "m.parquet", "USD")["failed"].to_pylist() == [1.0]
