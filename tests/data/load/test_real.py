"""The maps of ``docs/maps`` on the files they were written for; skipped where the files are not there.

The files are looked for in ``PAYREC_REAL_DATA``, else beside the repository in ``../shared/data``.
"""

from __future__ import annotations

import os
from datetime import date, datetime
from functools import cache
from pathlib import Path

import duckdb
import pyarrow as pa
import pytest

from payrec.data import load
from payrec.data.load.targets import Kind

ROOT = Path(__file__).parents[3]
MAPS = ROOT / "docs" / "maps"
DATA = Path(os.environ.get("PAYREC_REAL_DATA", ROOT.parent / "shared" / "data"))
NOW = datetime(2026, 1, 1)


@cache
def loaded(kind: Kind, file: str, name: str) -> tuple[load.LoadReport, pa.Table]:
    path = DATA / file
    if not path.exists():
        pytest.skip(f"{path} is not there; PAYREC_REAL_DATA names the folder of the real data")
    with load.parse(path, kind, load.read_mapping(MAPS / name), now=NOW) as parsed:
        return parsed.report, pa.Table.from_batches(parsed.batches())


def share_paid(orders: pa.Table) -> float:
    within = "COUNT(*) FILTER (WHERE payment_date <= invoice_date + 30) / COUNT(*)"
    return one(f"SELECT {within} FROM orders", orders=orders)


def one(sql: str, **tables: pa.Table) -> float:
    with duckdb.connect() as db:
        for name, table in tables.items():
            db.register(name, table)
        return float(db.sql(sql).fetchall()[0][0])


@pytest.mark.parametrize("path", sorted(MAPS.glob("*.toml")), ids=lambda path: path.stem)
def test_a_map_can_be_read(path: Path) -> None:
    assert load.read_mapping(path).kind is not None


def test_supplier_invoices() -> None:
    report, orders = loaded("transactions", "supplier_invoices/invoices.csv", "supplier_invoices.toml")
    assert (report.rows_in, report.loaded, report.rejected, report.duplicates) == (8753, 8752, 0, 1)
    assert report.ignored == ("Created", "Settled", "Outstanding")
    assert "9 rows were paid before their invoice_date; payrec check lists them" in report.notes
    assert orders["outstanding"].null_count == orders.num_rows
    assert one("SELECT COUNT(DISTINCT customer_id) FROM orders", orders=orders) == 3276
    assert share_paid(orders) == pytest.approx(0.361, abs=0.0005)
    first = orders.slice(0, 1).to_pylist()[0]
    assert (first["order_id"], first["invoice_date"], first["payment_date"], first["due_date"]) == (
        "SI-2",
        date(2011, 4, 26),
        date(2011, 5, 9),
        date(2011, 5, 26),
    )


def test_ibm_receivables() -> None:
    report, orders = loaded("transactions", "ibm_receivables/accounts_receivable.csv", "ibm_receivables.toml")
    assert (report.rows_in, report.loaded) == (2466, 2466)
    assert report.ignored == ("PaperlessDate", "Disputed", "DaysToSettle", "DaysLate")
    assert one("SELECT COUNT(DISTINCT customer_id) FROM orders", orders=orders) == 100
    assert share_paid(orders) == pytest.approx(0.644, abs=0.0005)


def test_traffic_fines_at_creation_and_their_payments() -> None:
    report, orders = loaded("transactions", "traffic_fines/events.csv.gz", "traffic_fines.toml")
    assert (report.rows_in, report.loaded, report.left_out) == (561_470, 150_370, 411_100)
    assert {"dismissal", "totalPaymentAmount"} <= set(report.ignored)
    _, events = loaded("events", "traffic_fines/events.csv.gz", "traffic_fines_events.toml")
    assert one("SELECT COUNT(*) FROM events WHERE event_type = 'payment' AND amount IS NULL", events=events) == 0
    assert one("SELECT COUNT(DISTINCT event_id) FROM events", events=events) == events.num_rows
    assert one("SELECT COUNT(*) FROM events WHERE event_ts <> date_trunc('day', event_ts)", events=events) == 0
    assert share_covered(orders, events) == pytest.approx(0.285, abs=0.005)


def share_covered(orders: pa.Table, events: pa.Table) -> float:
    """Share of the orders of which 95 % were paid within 30 days after they were made."""
    paid = """
        SELECT order_id, event_ts, SUM(amount) OVER (PARTITION BY order_id ORDER BY event_ts) AS so_far
        FROM events WHERE event_type = 'payment'
    """
    covered = f"""
        SELECT DISTINCT order_id FROM ({paid}) JOIN orders AS o USING (order_id)
        WHERE so_far * 20 >= o.amount * 19 AND event_ts <= o.invoice_date + 30
    """
    return one(
        f"SELECT (SELECT COUNT(*) FROM ({covered})) / (SELECT COUNT(*) FROM orders)", orders=orders, events=events
    )


def test_traffic_fines_at_the_penalty() -> None:
    report, orders = loaded("transactions", "traffic_fines/events.csv.gz", "traffic_fines_penalty.toml")
    assert (report.rows_in, report.loaded, report.left_out) == (561_470, 79_860, 481_610)
    for column in ("amount", "due_date", "provider", "device", "transaction_type", "country"):
        assert orders[column].null_count == 0, column
    assert one("SELECT COUNT(*) FROM orders WHERE due_date >= invoice_date", orders=orders) == 0
    a100 = next(row for row in orders.slice(0, 10).to_pylist() if row["order_id"] == "A100")
    assert (a100["amount"], a100["invoice_date"], a100["due_date"]) == (35, date(2007, 3, 16), date(2006, 12, 12))


def test_traffic_fines_public_extract() -> None:
    """The extract without zones and in other capitals gives the same rows, with the same map."""
    report, orders = loaded(
        "transactions", "traffic_fines/extract_10k_cases_eventdataR_MIT.csv.gz", "traffic_fines.toml"
    )
    assert report.loaded == 10_000
    _, whole = loaded("transactions", "traffic_fines/events.csv.gz", "traffic_fines.toml")
    both = "SELECT COUNT(*) FROM orders AS a JOIN whole AS b USING (order_id, amount, invoice_date, device, country)"
    assert one(both, orders=orders, whole=whole) == 10_000
