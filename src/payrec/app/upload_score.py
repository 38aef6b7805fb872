"""Uploaded files → a list of their own: read as columns were chosen, audited, scored."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any

import pyarrow.parquet

from payrec.app.upload import LIMITS, Reading, Upload
from payrec.commands.load import source as load_source
from payrec.commands.score import score as score_orders
from payrec.commands.score import score_file
from payrec.common.errors import DataRefused
from payrec.data import audit, layers, load
from payrec.data.engines import Engine, connect
from payrec.data.freshness import LatePayments
from payrec.data.load.mapping import Mapping, from_document
from payrec.model.store.bundle import Bundle
from payrec.publish.export import stamped
from payrec.publish.run_info import RunInfo
from payrec.worklist.policy import Policy
from payrec.worklist.rank import SCHEMA

NOT_FOR_SCORING = ("too_few_rows", "newest_cohorts_too_good", "older_than_seen")
OPTIONAL = ("outstanding", "status", "due_date", "provider", "payment_method", "country", "reason_code")
EMPTY, CONSTANT = "(empty: all are unpaid)", "(one currency for all)"

Progress = Callable[[str], None]


@dataclass(frozen=True)
class ScoringInputs:
    """The model and policy to score with, as of when (None: as the file states), and the present time.

    ``models``: the model, or a folder without any: then the list goes by rule, fitted to the file and kept there.
    ``none_is_paid``: somebody has confirmed that no order of the file is paid. ``currency``: of all amounts of an
    export that states none.
    """

    models: Bundle | Path
    policy: Policy
    as_of: datetime | None
    now: datetime
    none_is_paid: bool = False
    currency: str | None = None


@dataclass(frozen=True)
class Result:
    """The list made of a file: its Parquet, its run, the account of the rows, findings, rejects."""

    list_file: Path
    run: RunInfo
    account: tuple[str, ...]
    findings: tuple[audit.Finding, ...]
    rejects: tuple[Path, ...]
    orders: int
    ranked: int
    too_old: int


def guess(column: str, header: tuple[str, ...]) -> str | None:
    """Return the column of the file that has a known name of ours, never one that only looks alike; else None.

    >>> guess("payment_date", ("id", "Paid At (UTC)")), guess("payment_date", ("id", "payed"))
    ('Paid At (UTC)', None)
    """
    names = {re.sub(r"\(.*?\)", "", name).strip().casefold().replace(" ", "_"): name for name in reversed(header)}
    return next((names[alias] for alias in (column, *_ALSO.get(column, ())) if alias in names), None)


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


def mapped(
    chosen: dict[str, str | None],
    currency: str,
    date_format: str | None,
    decimal: str | None,
    reading: Reading | None = None,
) -> Mapping:
    """Return the map of columns chosen by hand: ours -> a column of the file, EMPTY, CONSTANT, or None for absent."""
    constants = {name: "" for name, of in chosen.items() if of == EMPTY}
    constants |= {name: currency for name, of in chosen.items() if of == CONSTANT}
    document: dict[str, Any] = {
        "columns": {name: of for name, of in chosen.items() if of and of not in (EMPTY, CONSTANT)},
        "constants": constants,
        **(reading.document() if reading else {}),
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
    rejects = uploaded.path.parent / "rejects"
    shutil.rmtree(rejects, ignore_errors=True)
    rejects.mkdir()
    model, as_of, rules, now = inputs.models, inputs.as_of, inputs.policy, inputs.now
    findings: tuple[audit.Finding, ...] = ()
    if uploaded.kind == "features" and mapping is None:
        worklist = score_file(uploaded.path, model, as_of, rules, now=now, progress=progress)
        account = [f"{worklist.ranked.num_rows:,} open orders read from an exported feature view"]
    else:
        with connect("duckdb://") as engine:
            progress("reading the file")
            account = _load(engine, uploaded, mapping, rejects, inputs)
            try:
                worklist = score_orders(engine, model, as_of, rules, now=now, progress=progress)
            except LatePayments as error:
                lines = [*str(error).splitlines()[:-1], "export the file again with the newer payments in it"]
                raise DataRefused("\n".join(lines)) from error
            progress("auditing")
            findings = tuple(f for f in audit.run(engine, now).findings if f.code not in NOT_FOR_SCORING)
    path = uploaded.path.with_name(f"{uploaded.path.stem}.list.parquet")
    table = stamped(worklist.ranked, worklist.run.stamp).cast(SCHEMA)
    pyarrow.parquet.write_table(table, path, compression="zstd")
    return Result(
        path, worklist.run, tuple(account), findings, tuple(sorted(rejects.iterdir())),
        table.num_rows, table.num_rows - table["rank"].null_count, worklist.too_old,
    )  # fmt: skip


def _load(engine: Engine, uploaded: Upload, mapping: Mapping | None, rejects: Path, inputs: ScoringInputs) -> list[str]:
    """Load the files into an empty database; return the account of their rows."""
    now, encoding = inputs.now, uploaded.reading.encoding
    options = load.Options(encoding=encoding, limits=LIMITS, none_is_paid=inputs.none_is_paid)
    if uploaded.source and mapping is None:
        name, files = uploaded.source.source, (uploaded.path, *uploaded.others)
        fixed = {"constants": {"currency": inputs.currency}} if inputs.currency else {}
        forms = from_document(fixed, "the currency chosen")
        return list(load_source(engine, name, files, forms, rejects, now, options).lines())
    if mapping is None and (document := uploaded.reading.document()):
        mapping = from_document(document, "the fields chosen")
    layers.prepare(engine)
    options = replace(options, rejects=rejects / f"{uploaded.path.stem}.rejects.csv")
    report = load.load_file("transactions", engine, uploaded.path, mapping, now, options)
    return list(report.lines())


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
