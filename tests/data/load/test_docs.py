"""docs/loading.md: every key of the map has its section, and every example there does what it says."""

from __future__ import annotations

import csv
import io
import re
import tomllib
from dataclasses import replace
from pathlib import Path
from typing import Any

import openpyxl
import pytest

from payrec.common.errors import DataRefused
from payrec.data import load
from payrec.data.load import rejects
from payrec.data.load.mapping import KEYS, from_document
from payrec.data.load.targets import EVENT_TYPES, TARGETS
from tests.data.load.files import LOOSE, NOW, read, written

DOCS = (Path(__file__).parents[3] / "docs" / "loading.md").read_text(encoding="utf-8")
NEEDED = {
    "order_id": "o1",
    "customer_id": "c1",
    "amount": "1",
    "currency": "EUR",
    "invoice_date": "2011-01-01",
    "payment_date": "",
}


def examples() -> list[tuple[str, str, str, str]]:
    """Each file with the map (or none) and the outcome that follow: (file, toml, kind of outcome, outcome)."""
    blocks = re.findall(r"^```(csv|json|toml|gives|refused|rejects)\n(.*?)^```", DOCS, re.MULTILINE | re.DOTALL)
    found: list[tuple[str, str, str, str]] = []
    file = toml = ""
    for kind, text in blocks:
        if kind in ("csv", "json"):
            file, toml = text, ""
        elif kind == "toml":
            toml = text
        else:
            found.append((file, toml, kind, text))
    return found


def completed(file: str, toml: str) -> dict[str, Any]:
    """The map, with constants for required columns that the example leaves out."""
    mapping: dict[str, Any] = tomllib.loads(toml)
    if mapping.get("kind", "transactions") != "transactions":
        return mapping
    cells = {cell for row in csv.reader(io.StringIO(file), delimiter=mapping.get("delimiter", ",")) for cell in row}
    given = {
        *cells,
        *re.findall(r'"(\w+)":', file),
        *mapping.get("columns", {}),
        *mapping.get("derived", {}),
        *mapping.get("constants", {}),
    }
    lacking = {name: value for name, value in NEEDED.items() if name not in given}
    derived = {"order_id": "{line}"} if lacking.pop("order_id", None) else {}
    mapping["constants"] = mapping.get("constants", {}) | lacking
    mapping["derived"] = mapping.get("derived", {}) | derived
    return mapping


def workbook(folder: Path, file: str, sheet: str) -> Path:
    """The rows of a file in a sheet of this name, behind another one."""
    book = openpyxl.Workbook()
    book.active.append(["order_id", "amount"])
    for row in csv.reader(io.StringIO(file)):
        (book[sheet] if sheet in book.sheetnames else book.create_sheet(sheet)).append(row)
    book.save(folder / "file.xlsx")
    return folder / "file.xlsx"


@pytest.mark.parametrize(("file", "toml", "outcome", "text"), examples(), ids=lambda value: value.split("\n")[0][:30])
def test_examples_do_what_they_say(tmp_path: Path, file: str, toml: str, outcome: str, text: str) -> None:
    mapping = completed(file, toml)
    path = workbook(tmp_path, file, mapping["sheet"]) if "sheet" in mapping else written(tmp_path, file)
    if outcome == "refused":
        with pytest.raises(DataRefused) as refused:
            read(path, mapping.get("kind", "transactions"), **mapping)
        assert str(refused.value) == f"file.csv: {text.rstrip()}"
        return
    if outcome == "rejects":
        with load.parse(
            path, "transactions", from_document(mapping, "m"), NOW, replace(LOOSE, rejects=tmp_path / "r.csv")
        ):
            header, *lines = (tmp_path / "r.csv").read_text(encoding="utf-8").splitlines()
        assert header == ",".join(rejects.HEADER)
        assert list(csv.reader(lines)) == list(csv.reader(text.splitlines()))
        return
    names, *rows = csv.reader(io.StringIO(text))
    found = read(path, mapping.get("kind", "transactions"), **mapping)
    assert [["" if row[n] is None else str(row[n]) for n in names] for row in found.rows] == rows


def test_there_are_examples() -> None:
    assert len(examples()) > len(KEYS)


def test_every_key_has_a_section_and_no_other_has() -> None:
    assert set(re.findall(r"^### (\w+)$", DOCS, re.MULTILINE)) == set(KEYS)
    for section in re.split(r"^### ", DOCS, flags=re.MULTILINE)[1:]:
        name = section.split("\n")[0]
        assert re.search(rf"^(\[{name}[\].]|{name} = )", section.split("\n## ")[0], re.MULTILINE), name


def test_every_column_is_named() -> None:
    for kind, target in TARGETS.items():
        row = re.search(rf"^\| {kind} \| (.*?) \| (.*?)\|$", DOCS, re.MULTILINE)
        assert row
        assert re.findall(r"`(\w+)`", row[1]) == [
            name for name in re.findall(r"`(\w+)`", row[1]) if name in {c.name for c in target.columns if c.required}
        ]
        assert set(re.findall(r"`(\w+)`", row[1] + row[2])) == set(target.names())
    assert all(f"`{kind}`" in DOCS for kind in EVENT_TYPES)


def test_limits_are_as_documented() -> None:
    limits = load.Limits()
    assert (limits.gzip_ratio, limits.columns, limits.line_bytes) == (200, 2_000, 1_000_000)
    assert limits.plain_bytes == 50_000_000_000
    assert load.Options().max_rejected_share == 0.05


def test_python_example_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    for code in re.findall(r"^```python\n(.*?)^```", DOCS, re.MULTILINE | re.DOTALL):
        exec(compile(code, "docs/loading.md", "exec"), {})
    assert "file     orders.csv: CSV, comma, utf-8, LF line ends" in capsys.readouterr().out
