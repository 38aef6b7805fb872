"""A file that someone hands in → a list of its own: bounded, recognised by its columns, read, audited, scored.

Nothing of it leaves the session: the file, its rejects and its list stand in a folder that goes with the session.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, BinaryIO, Literal

import pyarrow as pa
import pyarrow.parquet

from payrec.app import list_query
from payrec.commands.score import score as score_orders
from payrec.commands.score import score_file
from payrec.commands.scoring import Worklist
from payrec.common.errors import DataRefused
from payrec.data import audit, feature_file, layers, load
from payrec.data.engines import connect
from payrec.data.load import encoding, file_bytes, layout
from payrec.data.load.mapping import Mapping, from_document
from payrec.data.load.targets import TRANSACTIONS
from payrec.model.store.bundle import Bundle
from payrec.publish.export import stamped
from payrec.publish.run_info import RunInfo
from payrec.worklist.policy import Policy
from payrec.worklist.rank import SCHEMA

MAX_MB = 200
MAX_ROWS = 1_000_000
LIMITS = file_bytes.Limits(line_bytes=100_000, columns=500, plain_bytes=1_000_000_000, gzip_ratio=100)
BEYOND = "the command line has no such bound: payrec load transactions FILE, then payrec run"
NOT_FOR_SCORING = ("too_few_rows", "newest_cohorts_too_good", "older_than_seen")
REQUIRED = tuple(column.name for column in TRANSACTIONS.columns if column.required)
OPTIONAL = ("provider", "payment_method", "country", "reason_code", "due_date")
EMPTY, CONSTANT = "(empty: all are unpaid)", "(one currency for all)"

Kind = Literal["features", "transactions", "unknown"]
Progress = Callable[[str], None]


@dataclass(frozen=True)
class Taken:
    """A file that was handed in: where it stands, what it is called, its columns, and what they make it."""

    path: Path
    name: str
    sha256: str
    header: tuple[str, ...]
    kind: Kind

    @property
    def missing(self) -> tuple[str, ...]:
        """Required columns of transactions that the file does not name."""
        there = {name.strip().casefold() for name in self.header}
        return tuple(name for name in REQUIRED if name not in there)


@dataclass(frozen=True)
class ScoringInputs:
    """By which model and policy, as of when (None: as the file says), and what time it is."""

    bundle: Bundle
    policy: Policy
    as_of: datetime | None
    now: datetime


@dataclass(frozen=True)
class Result:
    """The list made of a file: its Parquet, its run, the account of the rows, findings, rejects."""

    list_file: Path
    run: RunInfo
    account: tuple[str, ...]
    findings: tuple[audit.Finding, ...]
    rejects: Path | None
    orders: int
    ranked: int
    too_old: int


def take(data: BinaryIO, name: str, folder: Path) -> Taken:
    """Put a file that was handed in into ``folder``, unpacked, within bounds, and recognise it.

    Raises
    ------
    DataRefused
        It is too large, has too many rows or columns, or is neither CSV nor Parquet.
    """
    folder.mkdir(parents=True, exist_ok=True)
    safe = re.sub(r"[^\w.\- ]", "_", Path(name).name)[-80:] or "upload.csv"
    raw, digest = folder / "raw" / safe, hashlib.sha256()  # under its own name, which messages tell
    raw.parent.mkdir(exist_ok=True)
    with raw.open("wb") as sink:
        while chunk := data.read(1 << 20):
            digest.update(chunk)
            sink.write(chunk)
    if raw.stat().st_size > MAX_MB * 1024 * 1024:
        raise DataRefused(f"{safe} is larger than {MAX_MB} MB\n{BEYOND}")
    path = folder / safe.removesuffix(".gz")
    with file_bytes.opened(raw, LIMITS) as file:
        if file.form == "parquet":
            path = path.with_suffix(".parquet")
            header = _parquet_header(file.stream, safe)
        else:
            path = path.with_suffix(".csv")
            sample = encoding.first_lines(file, None)
            known = frozenset((*TRANSACTIONS.names(), *feature_file.SCHEMA.names, *feature_file.ALIASES))
            header = tuple(layout.sniff(sample, known, None, file).names)
            _unpack(file.stream, path, safe)
    if file.form == "parquet":
        raw.replace(path)
    else:
        raw.unlink()
    return Taken(path, safe, digest.hexdigest(), header, _kind(header))


def _parquet_header(stream: BinaryIO, name: str) -> tuple[str, ...]:
    try:
        metadata = pyarrow.parquet.read_metadata(stream)
    except (pa.ArrowInvalid, OSError) as error:
        raise DataRefused(f"{name} is a damaged Parquet file: {str(error).splitlines()[0]}") from error
    if metadata.num_rows > MAX_ROWS or metadata.num_columns > LIMITS.columns:
        raise DataRefused(
            f"{name} has {metadata.num_rows:,} rows and {metadata.num_columns:,} columns; the app takes at most "
            f"{MAX_ROWS:,} rows and {LIMITS.columns} columns\n{BEYOND}"
        )
    return tuple(metadata.schema.to_arrow_schema().names)


def _unpack(stream: BinaryIO, path: Path, name: str) -> None:
    lines = 0
    with path.open("wb") as sink:
        while chunk := stream.read(1 << 20):
            lines += chunk.count(b"\n")
            if lines > MAX_ROWS + 1:
                sink.close()
                path.unlink()
                raise DataRefused(f"{name} has more than {MAX_ROWS:,} lines\n{BEYOND}")
            sink.write(chunk)


def _kind(header: tuple[str, ...]) -> Kind:
    if feature_file.is_feature_view(list(header)):
        return "features"
    there = {name.strip().casefold() for name in header}
    return "transactions" if set(REQUIRED) <= there else "unknown"


def guess(column: str, header: tuple[str, ...]) -> str | None:
    """Return the column of the file that most likely is ours, for a first proposal; None if none is near."""
    from difflib import get_close_matches

    names = {name.strip().casefold().replace(" ", "_"): name for name in header}
    for alias in (column, *_ALSO.get(column, ())):
        if alias in names:
            return names[alias]
    near = get_close_matches(column, names, n=1, cutoff=0.7)
    return names[near[0]] if near else None


_ALSO = {
    "order_id": ("id", "invoice", "invoice_id", "invoice_number", "transaction_id", "charge_id", "payment_id"),
    "customer_id": ("customer", "client", "client_id", "account", "account_id", "debtor"),
    "amount": ("total", "value", "gross", "invoice_amount", "amount_due"),
    "currency": ("ccy", "currency_code", "curr"),
    "invoice_date": ("date", "created", "created_at", "billing_date", "issue_date", "charge_date"),
    "payment_date": ("paid", "paid_at", "paid_date", "settled", "clear_date", "settled_date"),
    "country": ("country_code",),
    "reason_code": ("decline_code", "failure_code", "decline_reason"),
}


def mapped(chosen: dict[str, str | None], currency: str, date_format: str | None, decimal: str | None) -> Mapping:
    """Make a map of what was chosen by hand: ours -> a column of the file, EMPTY, CONSTANT, or None for not there."""
    constants = {name: "" for name, of in chosen.items() if of == EMPTY}
    constants |= {name: currency for name, of in chosen.items() if of == CONSTANT}
    document: dict[str, Any] = {
        "columns": {name: of for name, of in chosen.items() if of and of not in (EMPTY, CONSTANT)},
        "constants": constants,
    }
    document |= {"date_format": date_format} if date_format else {}
    document |= {"decimal": decimal, "thousands": "." if decimal == "," else ","} if decimal else {}
    return from_document(document, "the columns chosen")


def as_of_of_original(taken: Taken) -> datetime | None:
    """Return the time at which the rows of an original's feature view were true: invoice date plus days since."""
    there = {name.strip().casefold() for name in taken.header}
    if not {"invoice_date", "days_since_invoice"} <= there or taken.path.suffix != ".csv":
        return None
    sql = """
        SELECT MAX(TRY_CAST(invoice_date AS DATE)::TIMESTAMP
            + (TRY_CAST(days_since_invoice AS DOUBLE)::INTEGER + 1) * INTERVAL '1' DAY) AS at
        FROM read_csv($file, all_varchar = true, ignore_errors = true)"""
    latest: list[Any] = list_query.query(sql, {"file": str(taken.path)})["at"].to_pylist()
    at: datetime | None = latest[0]
    return at


def score(taken: Taken, inputs: ScoringInputs, mapping: Mapping | None, progress: Progress) -> Result:
    """Score a file, recognised or mapped, and write its list beside it.

    Raises
    ------
    PayrecError
        The file cannot be read or ranked without guessing; the message says why and what to do.
    """
    if taken.kind == "features" and mapping is None:
        decided = score_file(taken.path, inputs.bundle, inputs.as_of, inputs.policy, now=inputs.now, progress=progress)
        account = (f"{decided.ranked.num_rows:,} open orders read from an exported feature view",)
        return _result(taken, decided, account, (), None)
    return _score_transactions(taken, inputs, mapping, progress)


def _score_transactions(taken: Taken, inputs: ScoringInputs, mapping: Mapping | None, progress: Progress) -> Result:
    rejects = taken.path.with_name(f"{taken.path.stem}.rejects.csv")
    rejects.unlink(missing_ok=True)
    with connect("duckdb://") as engine:
        layers.prepare(engine)
        progress("reading the file")
        options = load.Options(limits=LIMITS)
        report = load.transactions(engine, taken.path, mapping, rejects, inputs.now, options)
        decided = score_orders(engine, inputs.bundle, inputs.as_of, inputs.policy, now=inputs.now, progress=progress)
        progress("auditing")
        findings = [f for f in audit.run(engine, inputs.now).findings if f.code not in NOT_FOR_SCORING]
    return _result(taken, decided, report.lines(), tuple(findings), rejects if rejects.is_file() else None)


def _result(
    taken: Taken,
    decided: Worklist,
    account: tuple[str, ...],
    findings: tuple[audit.Finding, ...],
    rejects: Path | None,
) -> Result:
    path = taken.path.with_name(f"{taken.path.stem}.list.parquet")
    table = stamped(decided.ranked, decided.run.stamp).cast(SCHEMA)
    pyarrow.parquet.write_table(table, path, compression="zstd")
    ranked = table.num_rows - table["rank"].null_count
    return Result(path, decided.run, account, findings, rejects, table.num_rows, ranked, decided.too_old)


def why_nothing(result: Result) -> str | None:
    """Say why nothing is ranked, and what to do; None if something is."""
    if result.ranked:
        return None
    if result.orders == 0:
        return (
            "No order in this file can still be recovered: all were paid, or have no amount. "
            "Export the orders that are open, with an empty payment date."
        )
    if result.too_old == result.orders:
        return (
            f"All {result.orders:,} open orders are older than the model has seen, so their window is closed and no "
            "probability is given. Export newer orders, or train a model with longer landmarks."
        )
    return (
        f"All {result.orders:,} open orders are left alone; the reasons stand below. "
        "Nothing is ranked in place of them."
    )
