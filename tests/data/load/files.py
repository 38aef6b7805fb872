"""Files for the tests of the loader: written from text, read back as rows, rejects and the account."""

from __future__ import annotations

import io
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from payrec.data import load
from payrec.data.load.file_bytes import OpenFile
from payrec.data.load.mapping import from_document
from payrec.data.load.targets import Kind

NOW = datetime(2026, 1, 1)
HEADER = "order_id,customer_id,amount,currency,invoice_date,payment_date"
EVENTS_HEADER = "event_id,order_id,event_ts,event_type,amount"
LOOSE = load.Options(max_rejected_share=1.0)


@dataclass(frozen=True)
class Read:
    """A file after it was read."""

    report: load.LoadReport
    rows: list[dict[str, Any]]
    rejects: list[dict[str, Any]]

    def reasons(self) -> list[str]:
        return [row["reason"] for row in self.rejects]

    def column(self, name: str) -> list[Any]:
        return [row[name] for row in self.rows]


def written(folder: Path, content: str | bytes, name: str = "file.csv") -> Path:
    path = folder / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def opened(content: bytes, limits: load.Limits | None = None) -> OpenFile:
    """A text of bytes, opened as ``file_bytes.opened`` opens a file."""
    return OpenFile("f", "text", False, content, io.BytesIO(content), limits or load.Limits())


def read(path: Path, kind: Kind = "transactions", /, options: load.Options = LOOSE, **mapping: Any) -> Read:
    """Read a file without a database; the map is given as its keys."""
    with load.parse(path, kind, from_document(mapping, "map.toml"), now=NOW, options=options) as parsed:
        rows = [row for batch in parsed.batches() for row in batch.to_pylist()]
        return Read(parsed.report, rows, parsed.rejects().to_pylist())


def lines(*rows: str, header: str = HEADER) -> str:
    return "\n".join([header, *rows]) + "\n"


def order(number: int = 1, **changes: str) -> str:
    """A line of a good order, with some cells changed."""
    cells = {
        "order_id": f"o{number}",
        "customer_id": "c1",
        "amount": "10.50",
        "currency": "EUR",
        "invoice_date": "2025-01-31",
        "payment_date": "2025-02-10",
    }
    return ",".join({**cells, **changes}.values())
