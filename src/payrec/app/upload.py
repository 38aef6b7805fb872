"""An uploaded file → a list of its own: bounded, recognised by its columns, read, audited, scored.

Nothing leaves the session: the file, its rejects and its list lie in a folder that is deleted with the session.
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

from payrec.commands.score import score as score_orders
from payrec.commands.score import score_file
from payrec.common.errors import DataRefused
from payrec.data import audit, feature_file, layers, load
from payrec.data.engines import connect
from payrec.data.freshness import LatePayments
from payrec.data.load import encoding, file_bytes
from payrec.data.load.header import sniff
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

Progress = Callable[[str], None]


@dataclass(frozen=True)
class Upload:
    """An uploaded file: where it lies, its name, its hash, its columns."""

    path: Path
    name: str
    sha256: str
    header: tuple[str, ...]

    @property
    def kind(self) -> Literal["features", "transactions", "unknown"]:
        """What the columns make it."""
        if feature_file.is_feature_view(list(self.header)):
            return "features"
        return "unknown" if self.missing else "transactions"

    @property
    def missing(self) -> tuple[str, ...]:
        """Required columns of transactions that the file does not have by name."""
        names = {name.strip().casefold() for name in self.header}
        return tuple(name for name in REQUIRED if name not in names)


@dataclass(frozen=True)
class ScoringInputs:
    """The model and policy to score with, as of when (None: as the file states), and the present time."""

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


def take(data: BinaryIO, name: str, folder: Path) -> Upload:
    """Store an uploaded file in ``folder``, unpacked and within bounds.

    Raises
    ------
    DataRefused
        It is too large, has too many rows or columns, or is neither CSV nor Parquet.
    """
    folder.mkdir(parents=True, exist_ok=True)
    safe = re.sub(r"[^\w.\- ]", "_", Path(name).name)[-80:] or "upload.csv"
    raw, digest = folder / "raw" / safe, hashlib.sha256()  # under its own name, which messages repeat
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
            header = tuple(sniff(sample, known, None, file).names)
            _unpack(file.stream, path, safe)
    if file.form == "parquet":
        raw.replace(path)
    else:
        raw.unlink()
    return Upload(path, safe, digest.hexdigest(), header)


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


def guess(column: str, header: tuple[str, ...]) -> str | None:
    """Return the column of the file that most likely is ours, None if none is similar."""
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
    """Return the map of columns chosen by hand: ours -> a column of the file, EMPTY, CONSTANT, or None for absent."""
    constants = {name: "" for name, of in chosen.items() if of == EMPTY}
    constants |= {name: currency for name, of in chosen.items() if of == CONSTANT}
    document: dict[str, Any] = {
        "columns": {name: of for name, of in chosen.items() if of and of not in (EMPTY, CONSTANT)},
        "constants": constants,
    }
    document |= {"date_format": date_format} if date_format else {}
    document |= {"decimal": decimal, "thousands": "." if decimal == "," else ","} if decimal else {}
    return from_document(document, "the columns chosen")


def score(uploaded: Upload, inputs: ScoringInputs, mapping: Mapping | None, progress: Progress) -> Result:
    """Score a file, recognised or mapped, and write its list into the same folder.

    Raises
    ------
    PayrecError
        The file cannot be read or ranked without guessing; the message says why and what to do.
    """
    rejects = uploaded.path.with_name(f"{uploaded.path.stem}.rejects.csv")
    rejects.unlink(missing_ok=True)
    model, as_of, rules, now = inputs.bundle, inputs.as_of, inputs.policy, inputs.now
    findings: tuple[audit.Finding, ...] = ()
    if uploaded.kind == "features" and mapping is None:
        worklist = score_file(uploaded.path, model, as_of, rules, now=now, progress=progress)
        account = [f"{worklist.ranked.num_rows:,} open orders read from an exported feature view"]
    else:
        with connect("duckdb://") as engine:
            layers.prepare(engine)
            progress("reading the file")
            report = load.transactions(engine, uploaded.path, mapping, rejects, now, load.Options(limits=LIMITS))
            try:
                worklist = score_orders(engine, model, as_of, rules, now=now, progress=progress)
            except LatePayments as error:
                lines = [*str(error).splitlines()[:-1], "export the file again with the newer payments in it"]
                raise DataRefused("\n".join(lines)) from error
            progress("auditing")
            findings = tuple(f for f in audit.run(engine, now).findings if f.code not in NOT_FOR_SCORING)
        account = list(report.lines())
    path = uploaded.path.with_name(f"{uploaded.path.stem}.list.parquet")
    table = stamped(worklist.ranked, worklist.run.stamp).cast(SCHEMA)
    pyarrow.parquet.write_table(table, path, compression="zstd")
    return Result(
        path, worklist.run, tuple(account), findings, rejects if rejects.is_file() else None,
        table.num_rows, table.num_rows - table["rank"].null_count, worklist.too_old,
    )  # fmt: skip


def why_nothing(result: Result) -> str | None:
    """Return why nothing is ranked, and what to do; None if something is."""
    if result.ranked:
        return None
    if result.orders == 0:
        return (
            "No order in this file can still be recovered: all were paid, or have no amount. "
            "Export the orders that are open, with an empty payment date."
        )
    if result.too_old == result.orders:
        return (
            f"All {result.orders:,} open orders are older than any the model was trained on, so they get no "
            "probability. Export newer orders, or train with larger landmark ages."
        )
    return f"All {result.orders:,} open orders are suppressed, so none is ranked; the reasons are below."
