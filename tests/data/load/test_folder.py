"""A folder of parts is loaded like one file: every row accounted for, all parts or none."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pyarrow.csv as pa_csv
import pyarrow.parquet as pq
import pytest

from payrec.common.errors import DataRefused, PayrecError, UsageError
from payrec.data import layers, load
from payrec.data.engines import Engine

HEADER = "order_id,customer_id,amount,currency,invoice_date,payment_date"


def line(order: int, amount: str = "10.00") -> str:
    return f"o{order},c1,{amount},EUR,2025-01-31,"


def csv(path: Path, *lines: str, header: str = HEADER) -> Path:
    path.parent.mkdir(exist_ok=True)
    path.write_text("\n".join([header, *lines]) + "\n", encoding="utf-8")
    return path


def loaded(engine: Engine, folder: Path) -> load.LoadReport:
    def one(part: Path) -> load.LoadReport:
        rejects = folder.parent / "bad" / part.name
        return load.load_file("transactions", engine, part, options=replace(ANY, rejects=rejects))

    return layers.change(engine, lambda: load.in_parts(folder, one))


ANY = load.Options(max_rejected_share=0.5)


def orders(engine: Engine) -> dict[str, float]:
    rows = engine.read("SELECT order_id, amount FROM raw_transactions").to_pylist()
    return {row["order_id"]: float(row["amount"]) for row in rows}


def test_parts_of_csv_and_parquet_are_one_account(engine: Engine, tmp_path: Path) -> None:
    folder = tmp_path / "parts"
    csv(folder / "part-0.csv", line(1), line(2), line(2), line(3, "much"))
    pq.write_table(pa_csv.read_csv(csv(folder / "x.csv", line(2, "12.00"), line(4))), folder / "part-1.parquet")
    (folder / "x.csv").unlink()
    for left_out in ("_SUCCESS", ".part-0.csv.crc"):
        (folder / left_out).write_text("no rows")
    report = loaded(engine, folder)
    assert orders(engine) == {"o1": 10, "o2": 12, "o4": 10}
    assert (report.rows_in, report.loaded, report.rejected, report.duplicates) == (6, 4, 1, 1)
    assert report.lines()[0].startswith("parts, 2 parts: 6 rows = ")
    told = "\n".join(report.notes)
    assert "part-1.parquet: 1 row was there already, by its order_id, and was replaced" in told
    assert f"part-0.csv: rejects are in {tmp_path / 'bad' / 'part-0.csv'}" in told
    assert "much" in (tmp_path / "bad" / "part-0.csv").read_text()


def another_column(folder: Path) -> None:
    csv(folder / "b.csv", line(2) + ",DE", header=HEADER + ",country")


def bad_rows(folder: Path) -> None:
    csv(folder / "b.csv", line(2, "much"))


def no_table(folder: Path) -> None:
    (folder / "b.csv").write_bytes(b"%PDF-1.7 ...")


@pytest.mark.parametrize("worse", [another_column, bad_rows, no_table])
def test_one_part_that_is_refused_undoes_the_others(
    engine: Engine, tmp_path: Path, worse: Callable[[Path], None]
) -> None:
    folder = tmp_path / "parts"
    csv(folder / "a.csv", line(1))
    worse(folder)
    with pytest.raises(DataRefused, match=r"b\.csv"):
        loaded(engine, folder)
    assert orders(engine) == {}


@pytest.mark.parametrize(("inside", "why"), [("as_of=2025-01-31/a.csv", "the folder as_of"), ("_SUCCESS", "no files")])
def test_a_folder_that_is_no_table(duckdb_memory: Engine, tmp_path: Path, inside: str, why: str) -> None:
    (tmp_path / "parts" / inside).parent.mkdir(parents=True)
    (tmp_path / "parts" / inside).touch()
    with pytest.raises(UsageError, match=why):
        loaded(duckdb_memory, tmp_path / "parts")


def test_a_file_is_its_only_part(duckdb_memory: Engine, tmp_path: Path) -> None:
    report = loaded(duckdb_memory, csv(tmp_path / "one.csv", line(1)))
    assert (report.file, report.loaded) == ("one.csv", 1)
    with pytest.raises(PayrecError, match="cannot read"):
        loaded(duckdb_memory, tmp_path / "none.csv")


def test_from_the_command_line(tmp_path: Path, duckdb_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    from payrec import cli

    for part in ("a", "b"):
        csv(tmp_path / "parts" / f"{part}.csv", line(ord(part)), line(ord(part) + 10, "much"))
    monkeypatch.setenv("PAYREC_OUT_DIR", str(tmp_path / "out"))
    arguments = ["--database", duckdb_url, "--tolerance", "0.5"]
    with pytest.raises(SystemExit) as ended:
        cli.main(["load", "transactions", str(tmp_path / "parts"), *arguments])
    assert not ended.value.code
    assert sorted(path.name for path in (tmp_path / "out").iterdir() if "rejects" in path.name) == [
        "a.csv.rejects.csv", "b.csv.rejects.csv",
    ]  # fmt: skip
