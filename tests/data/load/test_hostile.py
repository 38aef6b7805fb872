"""Whatever is handed in: an account that adds up, or one of our own errors in a few plain lines."""

from __future__ import annotations

import gzip
import os
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from payrec.common.errors import DataRefused, UsageError
from payrec.data import load
from payrec.data.load.mapping import KEYS, from_document
from tests.data.load.files import HEADER, Read, lines, order, read, written

CELLS = st.one_of(
    st.sampled_from(
        [
            "", " ", "o1", "c1", "EUR", "eur", "10.50", "1,234", "1.234", "-7", "NaN", "1e308", "2025-01-31",
            "31/01/2025", "01/02/2025", "2025-02-30", "9999-12-31", "0001-01-01", "45688", "1738281600", "infinity",
            "2025-01-31T10:00:00Z", "2025-01-31 24:00:00", "99999999999999999999", "=1+1", "'; DROP TABLE staged; --",
            "\x00", "\ud800", "\u202e", '"', '""', '"a\nb"', "NULL", "1738281600.123456", "31-Jan-2025",
            "Jan 31, 2025", "2025/01/31", "-0", "+5", "٣",
        ]
    ),
    st.text(max_size=8),
)  # fmt: skip
FORMATS = st.sampled_from(
    ["iso", "excel", "epoch", "epoch_ms", "%d/%m/%Y", "%Y%m%d", "%d-%b-%y", "%H", "%%", "%d/%m/%Y %z"]
)
MAPS = st.fixed_dictionaries(
    {},
    optional={
        "date_format": FORMATS,
        "decimal": st.sampled_from([".", ","]),
        "thousands": st.sampled_from([".", ",", " ", "'"]),
        "strip": st.lists(st.text(st.characters(exclude_characters="\0"), max_size=3), max_size=2),
        "empty": st.lists(st.text(st.characters(exclude_characters="\0"), max_size=3), max_size=2),
        "time_zone": st.sampled_from(["Europe/Rome", "America/St_Johns", "Pacific/Kiritimati"]),
        "only": st.dictionaries(
            st.sampled_from(HEADER.split(",")), st.sampled_from(["EUR", "", ["o1", ""]]), max_size=1
        ),
        "derived": st.sampled_from(
            [{"order_id": "x{line}"}, {"payment_date": "invoice_date + 30"}, {"due_date": "invoice_date - order_id"},
             {"outstanding": "amount * -0.5"}, {"outstanding": "amount / 100"}, {"country": "{currency:1}{amount}"}]
        ),
        "values": st.sampled_from([{"currency": {"€": "EUR", "": "usd"}}, {"amount": {"n/a": "0"}}]),
        "carry": st.sampled_from(
            [
                {"by": "customer_id", "x": "amount"},
                {"by": "order_id", "amount": {"column": "amount", "currency": "EUR"}},
            ]
        ),
    },
)  # fmt: skip


def account(path: Path, **mapping: Any) -> load.LoadReport | None:
    """Read a file; check the account against what came out; None if it was refused in plain words."""
    try:
        found = read(path, **mapping)
    except (DataRefused, UsageError) as error:
        refusal = str(error)
    else:
        return checked(found)
    assert 1 <= len(refusal.splitlines()) <= 4
    assert refusal.replace("\n", "").isprintable()
    return None


def checked(found: Read) -> load.LoadReport:
    report = found.report
    assert report.rows_in == report.loaded + report.rejected + report.duplicates + report.left_out
    assert (len(found.rows), len(found.rejects)) == (report.loaded, report.rejected)
    assert len({row["order_id"] for row in found.rows}) == len(found.rows)
    assert len({row["line"] for row in found.rejects}) == len(found.rejects)
    assert all(row["reason"] for row in found.rejects)
    for row in found.rows:
        assert all(row[name] is not None for name in ("order_id", "customer_id", "amount", "currency", "invoice_date"))
    return report


@settings(deadline=None, max_examples=40)
@given(rows=st.lists(st.lists(CELLS, min_size=5, max_size=7), max_size=12), mapping=MAPS)
def test_any_cells_and_any_map(
    tmp_path_factory: pytest.TempPathFactory, rows: list[list[str]], mapping: dict[str, Any]
) -> None:
    text = lines(order(1), *(",".join(row) for row in rows))
    account(written(tmp_path_factory.mktemp("f"), text.encode("utf-8", "surrogatepass")), **mapping)


@settings(deadline=None, max_examples=30)
@given(before=st.binary(max_size=30), after=st.binary(max_size=200), packed=st.booleans(), headed=st.booleans())
def test_any_bytes(
    tmp_path_factory: pytest.TempPathFactory, before: bytes, after: bytes, packed: bool, headed: bool
) -> None:
    content = lines(order(1), order(2)).encode() + after if headed else before + after
    account(written(tmp_path_factory.mktemp("f"), gzip.compress(content) if packed else content))


LEAVES = st.none() | st.booleans() | st.integers() | st.text(max_size=5) | st.just("amount")
NAMES = st.sampled_from(["amount", "by", "column", "x"])
VALUES = st.recursive(
    LEAVES, lambda inner: st.lists(inner, max_size=2) | st.dictionaries(NAMES, inner, max_size=2), max_leaves=4
)


@settings(deadline=None, max_examples=200)
@given(st.dictionaries(st.sampled_from(KEYS), VALUES, max_size=3))
def test_any_map(document: dict[str, Any]) -> None:
    try:
        from_document(document, "map.toml")
    except UsageError as error:
        refusal = str(error)
    else:
        return
    assert refusal.startswith("map.toml: ")


def test_names_from_a_file_cannot_paint_the_terminal(tmp_path: Path) -> None:
    path = written(tmp_path, lines("1,2", header="\x1b[31mred,\u202eabc"))
    with pytest.raises(DataRefused) as refused:
        read(path)
    assert str(refused.value).replace("\n", "").isprintable()
    shown = load.plan(written(tmp_path, lines(order(1) + ",1", header=HEADER + ",\x1b[31mred")), "transactions").lines()
    assert all(line.isprintable() for line in shown)
    path = written(tmp_path, lines(order(1), order(1, amount="7")).replace("o1", "o\x1b[31m"))
    with pytest.raises(DataRefused, match=r"same order_id: 'o\\x1b") as refused:
        read(path)


def test_a_factor_too_fine_or_too_large_is_refused(tmp_path: Path) -> None:
    for factor in ("100000000", "0.00001"):
        with pytest.raises(UsageError, match=r"\[derived\] outstanding"):
            read(written(tmp_path, lines(order(1))), derived={"outstanding": f"amount * {factor}"})


def test_the_database_beside_reaches_no_file_and_no_network(tmp_path: Path) -> None:
    """Fault 39: whatever SQL a file could smuggle in, there is nothing to open."""
    import duckdb

    from payrec.data.load import parsing

    secret = written(tmp_path, "a\n1\n", "secret.csv")
    with parsing.scratch_database(None) as db:
        for sql in (
            f"SELECT * FROM read_csv('{secret}')", f"COPY (SELECT 1) TO '{tmp_path}/out.csv'",
            f"ATTACH '{tmp_path}/x.duckdb'", "SELECT * FROM 'https://example.invalid/x.csv'",
            "SET enable_external_access = true",
        ):  # fmt: skip
            with pytest.raises(duckdb.Error):
                db.execute(sql).fetchall()


def test_what_a_killed_load_left_is_taken_away_after_a_day(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from payrec.data.load import parsing

    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    for name, age_days in (("payrec-load-old", 2), ("payrec-load-new", 0), ("other", 2)):
        (tmp_path / name).mkdir()
        (tmp_path / name / "spilt").write_bytes(b"x")
        then = (tmp_path / name).stat().st_mtime - age_days * 86_400
        os.utime(tmp_path / name, (then, then))
    with parsing.scratch_database(None):
        assert len(list(tmp_path.glob("payrec-load-*"))) == 2  # the new one, and this one's
    assert sorted(path.name for path in tmp_path.iterdir()) == ["other", "payrec-load-new"]
