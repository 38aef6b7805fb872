"""What is fed with any bytes, and what must hold then: an account that adds up, or our own error in plain words.

Each target takes bytes and raises if something does not hold.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import math
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from pathlib import Path

from pyarrow import parquet

from payrec.common.errors import DataRefused, ModelRefused, PayrecError, UsageError
from payrec.common.json import canonical_json
from payrec.data import feature_file, load
from payrec.data.load import encoding as texts
from payrec.data.load import records
from payrec.model.recipes import boosting, training
from payrec.model.recipes.model import Model, predict
from payrec.model.recipes.training import TrainSpec
from payrec.model.store import bundle
from tests.data.load import hostile
from tests.data.load.files import EVENTS_HEADER, NOW, lines, opened, order
from tests.fuzz import edits
from tests.model import rows as made_rows

Run = Callable[[bytes], None]
WIDTH = 3
LIMITS = load.Limits(line_bytes=5_000, columns=50)
KINDS = ("transactions", "events", "fx")
ENCODINGS = (None, None, None, "utf-16", "cp1252")


@dataclass(frozen=True)
class Target:
    """A function to feed, and some inputs to begin with."""

    run: Run
    seeds: Callable[[], list[bytes]]


def expect_plain(error: PayrecError) -> None:
    """A few lines that a terminal shows as they are."""
    said = str(error)
    assert 1 <= len(said.splitlines()) <= 4, said
    assert said.replace("\n", "").isprintable(), ascii(said)


def text(data: bytes) -> None:
    """Read bytes as lines and cells: quickly and cut anywhere, or slowly and at once, the rows are the same."""
    try:
        clean = b"".join(texts.blocks(opened(data[1:], LIMITS), None))
    except DataRefused as error:
        expect_plain(error)
        return
    wanted = records.salvage(clean.decode(), ",", WIDTH, is_last=True)
    shape = records.Shape(",", WIDTH, LIMITS, "f")
    size = 1 + 8 * data[0] if data else 1
    found = list(records.rows(_cut(clean, size), shape, 1))
    rows = [(line, *cells) for each in found for line, *cells in _cells(each)]
    assert rows == [
        (line + 1, *(cell or None for cell in cells)) for line, cells in zip(wanted.lines, wanted.rows, strict=True)
    ]
    assert sorted(bad.line for each in found for bad in each.bad) == [bad.line + 1 for bad in wanted.bad]


def _cut(clean: bytes, size: int) -> Iterator[bytes]:
    start = 0
    while start < len(clean):
        end = clean.find(b"\n", min(start + size, len(clean) - 1)) + 1
        yield clean[start:end]
        start = end


def _cells(found: records.Rows) -> Iterator[tuple[object, ...]]:
    for row in found.table.to_pylist():
        yield (row["line"], *(row[f"c{place}"] for place in range(WIDTH)))


def loader(data: bytes) -> None:
    """Load bytes as a file: every row is accounted for, every key is there once."""
    how, content = data[:1] or b"\0", data[1:]
    kind, encoding = KINDS[how[0] % 3], ENCODINGS[how[0] // 3 % len(ENCODINGS)]
    with tempfile.NamedTemporaryFile(suffix=".csv") as file:
        file.write(gzip.compress(content, 1, mtime=0) if how[0] > 200 else content)
        file.flush()
        _load(Path(file.name), kind, encoding)


def _load(path: Path, kind: load.Kind, encoding: str | None) -> None:
    options = load.Options(encoding=encoding, max_rejected_share=1.0, limits=LIMITS)
    try:
        with load.parse(path, kind, now=NOW, options=options) as parsed:
            report = parsed.report
            rows = [row for batch in parsed.batches() for row in batch.to_pylist()]
            rejected = parsed.rejects().to_pylist()
            keys = [tuple(row[name] for name in parsed.target.key) for row in rows]
            filled = [column.name for column in parsed.target.columns if column.filled]
    except (DataRefused, UsageError) as error:
        expect_plain(error)
        return
    assert (len(rows), len(rejected)) == (report.loaded, report.rejected)
    assert report.rows_in == report.loaded + report.rejected + report.duplicates
    assert len(set(keys)) == len(keys)
    assert all(row[name] is not None for row in rows for name in filled)
    assert all(row["reason"] for row in rejected)
    assert all(line.isprintable() for line in report.lines())


def features(data: bytes) -> None:
    """Read bytes as an exported feature view: one row an order."""
    with tempfile.NamedTemporaryFile(suffix=(".csv", ".parquet", ".csv.gz")[(data[:1] or b"\0")[0] % 3]) as file:
        file.write(data[1:])
        file.flush()
        try:
            rows = feature_file.read(Path(file.name), datetime(2025, 1, 1))
        except (DataRefused, UsageError) as error:
            expect_plain(error)
            return
    assert len(rows["order_id"].unique()) == rows.num_rows
    assert rows["as_of"].null_count == 0


@cache
def models() -> tuple[Model, Model]:
    """Train one small model of tables and one of trees."""
    rows = made_rows.feature_rows(1_500, seed=21)
    first, second = (training.train(rows, TrainSpec(name, seed=5)) for name in ("original", "xgboost"))
    return first, second


@cache
def saved(number: int) -> dict[str, bytes]:
    """Return the files of a bundle."""
    with tempfile.TemporaryDirectory() as folder:
        bundle.save(models()[number], Path(folder), {"title": "a card"})
        return {path.name: path.read_bytes() for path in Path(folder).iterdir()}


def models_files(data: bytes) -> None:
    """Read a bundle of which a file was changed and the hashes were made again: refused, or chances between 0 and 1."""
    how, change = data[:1] or b"\0", data[1:]
    files = dict(saved(how[0] % 2))
    name = sorted(files)[how[0] // 2 % len(files)]
    changed = _changed(files[name], change, as_json=how[0] < 200)
    files[name] = changed
    if name != bundle.MANIFEST:
        hashes = {each: hashlib.sha256(files[each]).hexdigest() for each in files if each != bundle.MANIFEST}
        files[bundle.MANIFEST] = json.dumps({"files": hashes}).encode()
    with tempfile.TemporaryDirectory() as folder:
        for each, content in files.items():
            (Path(folder) / each).write_bytes(content)
        try:
            found = bundle.read(Path(folder))
        except ModelRefused as error:
            expect_plain(error)
            return
    chances = predict(found.model, made_rows.feature_rows(50, seed=3))
    assert all(math.isfinite(chance) and 0 <= chance <= 1 for chance in chances)


def _changed(content: bytes, change: bytes, *, as_json: bool) -> bytes:
    if not as_json:
        return edits.of_bytes(content, change)
    made = edits.of_document(json.loads(content), change)
    try:
        return canonical_json(made)
    except ValueError:
        return json.dumps(made).encode()


def trees(data: bytes) -> None:
    """Read bytes as the trees of XGBoost: refused before it sees them, or read by it without harm."""
    if boosting.problem(data):
        return
    sizes = made_rows.feature_rows(20, seed=4)
    model = models()[1]
    found = predict(Model(**{**vars(model), "scorer": boosting.Trees(data)}), sizes)
    assert all(math.isfinite(chance) for chance in found)


def _tables() -> list[bytes]:
    events = lines("e1,o1,2025-01-31T10:00:00Z,payment,1.00", ",o2,2025-02-01,attempt,", header=EVENTS_HEADER)
    rates = "currency,rate_date,rate_to_reporting\nUSD,2025-01-31,0.925\n"
    strange = lines(order(1), order(2, amount='"1.234,50"'), order(3, invoice_date="31/01/2025"), "Total,,9,EUR")
    return [hostile.GOOD.encode()[:300], strange.encode(), events.encode(), rates.encode()]


def _parquets() -> list[bytes]:
    out = io.BytesIO()
    parquet.write_table(made_rows.feature_rows(20, seed=1), out)
    return [b"\1" + out.getvalue(), b"\0" + hostile.parquet_file()]


def _views() -> list[bytes]:
    header = "order_id,customer_id,amount,currency,age_days,as_of,cust_decided,payment_date"
    return [b"\0" + lines("o1,c1,9.00,EUR,3,2025-01-01,2.0,", "o2,c1,8.00,EUR,4,2025-01-01,,", header=header).encode()]


TARGETS: dict[str, Target] = {
    "text": Target(text, lambda: [b"\4" + b'a,b,c\n"d\ne",f,"g""h"\n1,2\n', *(b"\1" + each for each in _tables())]),
    "loader": Target(loader, lambda: [bytes([at % 3]) + each for at, each in enumerate((*_tables(), _parquets()[1]))]),
    "parquet": Target(loader, lambda: [b"\0" + hostile.parquet_file()]),
    "features": Target(features, lambda: [*_views(), *_parquets()]),
    "models": Target(models_files, lambda: [bytes([at, 2, 0, 1, 0, 2, 5]) for at in range(8)]),
    "trees": Target(trees, lambda: [saved(1)["booster.json"]]),
}
