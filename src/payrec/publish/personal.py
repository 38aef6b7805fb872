"""A person's rows in what is published: to hand over, or to erase. Sums and counts stay: they name nobody.

A person is a customer id. Their rows are those that name it, and those that name one of their orders.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa

from payrec.common.arrow import pc

PERSON, ORDER = "customer_id", "order_id"


@dataclass(frozen=True)
class Person:
    """A customer id and the ids of their orders."""

    customer_id: str
    orders: frozenset[str]

    def rows(self, table: pa.Table) -> pa.Table:
        """Return the rows of ``table`` that name this person."""
        return table.filter(self._named(table))

    def without(self, table: pa.Table) -> pa.Table:
        """Return the rows of ``table`` that do not name this person."""
        return table.filter(pc.invert(self._named(table)))

    def _named(self, table: pa.Table) -> Any:
        named = pa.array([False] * table.num_rows, pa.bool_())
        for column, values in ((PERSON, [self.customer_id]), (ORDER, sorted(self.orders))):
            if column in table.column_names and table.num_rows:
                hits = pc.is_in(table[column].cast(pa.string()), value_set=pa.array(values, pa.string()))
                named = pc.or_(named, hits.combine_chunks())
        return named


def tag(customer_id: str, key: str | None) -> str:
    """Return what the ledger holds instead of an id: a keyed hash, or nothing without a key.

    >>> tag("c1", "a key"), tag("c1", None)
    ('person:553eb1ebaf9493f0', '')
    """
    if not key:
        return ""
    return f"person:{hmac.new(key.encode(), customer_id.encode(), hashlib.sha256).hexdigest()[:16]}"


def exports(folder: Path, run_ids: Iterable[str]) -> list[dict[str, Any]]:
    """Return the downloads made from one of these runs, from the export log in ``folder``."""
    path, runs = folder / "exports.jsonl", set(run_ids)
    lines = path.read_bytes().splitlines() if path.is_file() else []
    entries = [entry for line in lines if (entry := _logged(line))]
    return [entry for entry in entries if entry["run_id"] in runs]


def _logged(line: bytes) -> dict[str, Any] | None:
    """Return an entry of the export log, None for a line that is damaged."""
    try:
        entry: dict[str, Any] = json.loads(line)
        return entry if "run_id" in entry else None
    except (ValueError, TypeError):
        return None
