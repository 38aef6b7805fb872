"""Doors that stay shut: paths and addresses, values that look like SQL, uploads, sessions, who looks."""

from __future__ import annotations

import gzip
import io
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pytest

from payrec.app import access, state, upload
from payrec.common.errors import DataRefused, PayrecError
from payrec.data.engines import connect
from tests.app.test_pages import figures, page, said
from tests.commands.conftest import Site

Payrec = Callable[..., int]
HEADER = "order_id,customer_id,amount,currency,invoice_date,payment_date\n"


@pytest.mark.parametrize(
    "place",
    ["http://127.0.0.1:9/orders.csv", "https://example.invalid/x.csv", "s3://bucket/orders.parquet", "hf://a/b", "/"],
)
def test_fault_39_an_address_or_a_folder_is_no_file(
    payrec: Payrec, place: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert payrec("load", "transactions", place) in (2, 3)
    assert "Traceback" not in capsys.readouterr().err


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT * FROM read_text('/etc/passwd')",
        "SELECT * FROM read_csv('../secret.csv')",
        "SELECT * FROM read_parquet('http://127.0.0.1:9/x.parquet')",
        "COPY (SELECT 1) TO '/tmp/payrec-escaped.csv'",
        "ATTACH '/tmp/payrec-escaped.duckdb'",
        "INSTALL httpfs",
        "SET enable_external_access = true",
    ],
)
def test_fault_39_the_engine_reaches_nothing_beside_its_own_file(duckdb_url: str, sql: str) -> None:
    with connect(duckdb_url) as engine, pytest.raises(PayrecError):
        engine.run(sql)
    assert not Path("/tmp/payrec-escaped.csv").exists()


def test_fault_39_a_link_in_the_store_of_models_leads_nowhere(site: Site, payrec: Payrec, tmp_path: Path) -> None:
    (tmp_path / "stolen").mkdir()
    (tmp_path / "stolen" / "model.json").write_text("{}")
    link = site.models / "link"
    link.symlink_to(tmp_path / "stolen")
    try:
        for reference in ("link", "../stolen", "/etc", "..", "stolen/../../x"):
            assert payrec("models", "show", reference) in (2, 7)
    finally:
        link.unlink()  # the store is shared by all tests


@pytest.mark.parametrize("value", ["' OR 1=1 --", "'; DROP TABLE payrec_scores; --", 'a"b', "$find", "%", "\\"])
def test_fault_38_a_filter_is_a_value(home: Path, value: str) -> None:
    test = page("worklist", by="Orders", find=value)
    assert not test.exception
    assert figures(test)["Orders to work"] == "0"
    test = page("worklist", find=value)
    assert not test.exception


def test_fault_38_names_and_values_of_a_file_are_text(site: Site, payrec: Payrec) -> None:
    handed = site.folder / "x'; DROP TABLE raw_events; --.csv"
    value = "1'); DELETE FROM raw_transactions; --"
    handed.write_text(HEADER.rstrip() + ',"a""; DROP TABLE raw_events"\n' + f'"{value}",c,9.00,EUR,2026-05-01,,x\n')
    with site.open() as engine:
        before = engine.fingerprint("raw_events")
    assert payrec("load", "transactions", str(handed)) == 0
    with site.open() as engine:
        assert engine.fingerprint("raw_events") == before
        found = engine.read("SELECT order_id FROM raw_transactions WHERE customer_id = 'c'")["order_id"].to_pylist()
    assert found == [value]


@pytest.mark.parametrize("squeeze", [False, True], ids=["plain", "gzip"])
def test_fault_40_an_upload_that_is_too_large_is_refused_with_a_message(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, squeeze: bool
) -> None:
    monkeypatch.setattr(upload, "MAX_MB", 1)
    monkeypatch.setattr(upload, "MAX_ROWS", 1_000)
    row = b"o1,c1,9.00,EUR,2026-05-01,\n"
    content = HEADER.encode() + row * (60_000 if not squeeze else 2_000)
    data = gzip.compress(content, mtime=0) if squeeze else content
    with pytest.raises(DataRefused, match="the command line has no such bound"):
        upload.take(io.BytesIO(data), "orders.csv.gz" if squeeze else "orders.csv", tmp_path)


def test_fault_40_twenty_sessions_hold_no_list(home: Path) -> None:
    page("worklist", by="Orders")  # what all sessions share
    before = pa.total_allocated_bytes()
    sessions = [page("worklist", by="Orders", k=str(at)) for at in range(1, 21)]
    assert all(not one.exception for one in sessions)
    assert [figures(one)["Orders to work"] for one in sessions] == [str(at) for at in range(1, 21)]
    assert pa.total_allocated_bytes() - before < 1_000_000


def test_fault_46_whoever_is_taken_off_the_list_sees_nothing_from_then_on(
    home: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from streamlit.testing.v1 import AppTest

    from payrec.app import main

    allowed = {"ana@example.com"}
    ana = {"is_logged_in": True, "email": "ana@example.com"}
    monkeypatch.setattr(state, "visitor", lambda: access.visitor(True, ana, frozenset(allowed)))
    test = AppTest.from_file(str(main.__file__), default_timeout=60).run()
    assert test.metric
    allowed.clear()
    test.run()
    assert not test.metric
    assert not test.dataframe
    assert "not listed in PAYREC_APP_USERS" in said(test)
