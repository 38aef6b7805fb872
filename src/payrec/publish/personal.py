"""A person's rows in what is published: to hand over, or to erase. Sums and counts stay: they name nobody.

A person is a customer id. Their rows are those that name it, and those that name one of their orders. In texts, such
as the policy that is stored with a list, the id is replaced by ``[erased]``; so are the ids of their orders, and their
email address and phone number.
"""

from __future__ import annotations

import csv
import hashlib
import hmac
import io
import json
import os
import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path
from typing import Any
from urllib.parse import unquote_plus

import pyarrow as pa

from payrec.common.arrow import pc
from payrec.common.files import replacing

PERSON, ORDER = "customer_id", "order_id"
ERASED = "[erased]"
EXPORT_LOG = "exports.jsonl"
EXPORT_COLUMNS = ("at", "who", "file", "sha256", "rows", "run_id")
LEAST_IN_TEXT, LEAST_DIGITS = 4, 8
"""Characters of an id that is replaced within a text: "7" stands in "17 days", and an order 2026 in dates."""


@dataclass(frozen=True)
class Person:
    """A customer id, the ids of their orders, and the addresses and numbers at which they are reached."""

    customer_id: str
    orders: frozenset[str]
    contacts: frozenset[str] = frozenset()

    def rows(self, table: pa.Table) -> pa.Table:
        """Return the rows of ``table`` that name this person."""
        return table.filter(self._named(table))

    def without(self, table: pa.Table) -> pa.Table:
        """Return the rows of ``table`` that do not name this person, with the id replaced in all other texts."""
        others = table.filter(pc.invert(self._named(table)))
        for at, (name, column) in enumerate(zip(others.column_names, others.columns, strict=True)):
            if not pa.types.is_string(column.type) or name in (PERSON, ORDER):
                continue
            is_json = pc.any(pc.match_substring_regex(column, r"^\s*[\[{]")).as_py()
            texts = [value and (self.redacted_json(value) if is_json else self.redacted(value))
                     for value in column.unique().to_pylist()]  # fmt: skip
            if texts != column.unique().to_pylist():
                indices = pc.index_in(column, value_set=column.unique())
                others = others.set_column(at, others.schema.field(at), pa.array(texts, column.type).take(indices))
        return others

    def redacted(self, text: str) -> str:
        """Return a text without the ids, also if they are percent-encoded or composed of other characters.

        >>> Person("c-17", frozenset()).redacted("lawyer of c-17, not of c-171")
        'lawyer of [erased], not of c-171'
        >>> Person("c/17", frozenset({"o-2"})).redacted("q=c%2F17&order=o-2")
        'q=[erased]&order=[erased]'
        """
        if text in (self.customer_id, *self.contacts) or text in self.orders:
            return ERASED
        for spelling in (str, partial(unicodedata.normalize, "NFC"), unquote_plus if "%" in text else str):
            spelled = spelling(text)
            if (changed := self._in_text.sub(ERASED, spelled)) != spelled:
                text = changed
        return text

    @cached_property
    def _in_text(self) -> re.Pattern[str]:
        """What is replaced within texts: nothing that may well be a number of something else."""
        ids = {self.customer_id: LEAST_IN_TEXT, **dict.fromkeys(self.orders | self.contacts, LEAST_DIGITS)}
        unique = [
            name for name, least in ids.items() if len(name) >= least or re.search(r"\d.*[^\W\d]|[^\W\d].*\d", name)
        ]
        either = "|".join(re.escape(name) for name in sorted(unique, key=len, reverse=True))
        return re.compile(rf"(?<!\w)(?:{either})(?!\w)" if unique else r"(?!)")

    def redacted_json(self, text: str) -> str:
        """Return a JSON document without the id in its keys and values; as it is if it is no JSON."""
        try:
            document = json.loads(text)
        except ValueError:
            return text
        redacted = self._redacted_value(document)
        return text if redacted == document else json.dumps(redacted)

    def _redacted_value(self, value: Any) -> Any:
        if isinstance(value, dict):
            return {self.redacted(key): self._redacted_value(inner) for key, inner in value.items()}
        if isinstance(value, list):
            return [self._redacted_value(inner) for inner in value]
        return self.redacted(value) if isinstance(value, str) else value

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
    path, runs = folder / EXPORT_LOG, set(run_ids)
    lines = path.read_bytes().splitlines() if path.is_file() else []
    entries = [entry for line in lines if (entry := _logged(line))]
    return [entry for entry in entries if entry["run_id"] in runs]


def _logged(line: bytes) -> dict[str, Any] | None:
    """Return an entry of the export log, None for a line that is damaged."""
    try:
        entry: dict[str, Any] = json.loads(line)
        return entry if all(name in entry for name in EXPORT_COLUMNS) else None
    except (ValueError, TypeError):
        return None


def redact_exports(folder: Path, person: Person) -> int:
    """Replace the id in the lines of the export log, each within its own bytes; return the number of lines.

    The app may add a line meanwhile, so the file is not replaced.
    """
    path, offset, redacted = folder / EXPORT_LOG, 0, 0
    if not path.is_file():
        return 0
    with path.open("r+b") as log:
        for line in log.read().splitlines(keepends=True):
            content = line.rstrip(b"\n")
            text = content.decode(errors="surrogateescape")
            changed = person.redacted_json(text)
            if changed != text:
                shorter = json.dumps(json.loads(changed.replace(ERASED, "")), ensure_ascii=False, separators=(",", ":"))
                fitting = changed.encode() if len(changed.encode()) <= len(content) else shorter.encode()
                os.pwrite(log.fileno(), fitting.ljust(len(content)), offset)
                redacted += 1
            offset += len(line)
        os.fsync(log.fileno())
    return redacted


def erase_rejects(path: Path, person: Person) -> int:
    """Delete the rows of a file of rejects that contain the id; return their number."""
    rows = list(csv.reader(io.StringIO(path.read_text(encoding="utf-8", errors="surrogateescape"), newline="")))
    others = [row for row in rows if not any(person.redacted(cell) != cell for cell in row)]
    if len(others) < len(rows):
        content = io.StringIO(newline="")
        csv.writer(content).writerows(others)
        with replacing(path) as sink:
            sink.write(content.getvalue().encode(errors="surrogateescape"))
    return len(rows) - len(others)
