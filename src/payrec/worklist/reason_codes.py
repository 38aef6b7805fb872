"""What a provider's reason code means: one small taxonomy, hard or soft, and what to do next.

The table is ``reason_codes.csv`` in this folder; ``docs/reason-codes.md`` names the sources of the codes. A code that
is not in it has no meaning and is listed with its count (``unmapped``): there is no default.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
import pyarrow as pa

from payrec.common.arrow import one_chunk, pc, text
from payrec.common.errors import UsageError

CATEGORIES = (
    "insufficient_funds",
    "expired_or_wrong_card",
    "hard_decline",
    "issuer_or_processor",
    "fraud_suspicion",
    "mandate",
    "dispute",
    "unknown",
)
DECLINES = ("hard", "soft")
ACTIONS = ("retry_later", "ask_new_card", "contact", "stop")
COLUMNS = ("scheme", "code", "category", "decline", "action", "meaning")

# Advice has a field of its own next to the response code and uses the same two digits for other meanings; numbers and
# words of a single provider mean other things elsewhere (`expired_card` is soft at Stripe, hard at Recurly). These
# schemes count only where they are named.
ONLY_IF_NAMED = frozenset({"visa_category", "mastercard_mac", "braintree", "gocardless", "paypal", "recurly"})
ANY = "*"


@dataclass(frozen=True, slots=True)
class CodeMeaning:
    """Meaning of one code: ``category`` of CATEGORIES, ``decline`` of DECLINES, ``action`` of ACTIONS, a sentence."""

    category: str
    decline: str
    action: str
    meaning: str


@dataclass(frozen=True)
class ReasonCodes:
    """The table in use: meaning by (scheme, code), and which scheme a provider of the user's data speaks."""

    meaning: Mapping[tuple[str, str], CodeMeaning]
    scheme_of: Mapping[str, str] = field(default_factory=dict)

    def schemes(self) -> frozenset[str]:
        """Names of all schemes."""
        return frozenset(scheme for scheme, _ in self.meaning)


def normal(text: str) -> str:
    """Small letters, spaces and hyphens as underscores: ``'Do Not Honor'`` and ``'do_not_honor'`` are one code.

    >>> normal(" Insufficient Funds ")
    'insufficient_funds'
    """
    return re.sub(r"[\s\-]+", "_", text.strip().casefold())


def read(extra: Path | None = None, scheme_of: Mapping[str, str] | None = None) -> ReasonCodes:
    """Read the shipped table, and the user's own rows on top (same columns; the same key replaces ours).

    ``scheme`` in the user's file is a scheme of ours, a provider of the user's data, or ``*`` for any provider.

    Raises
    ------
    UsageError
        The file has other columns, an unknown category, decline or action, or a provider is sent to no known scheme.
    """
    meaning = dict(_shipped())
    if extra is not None:
        try:
            meaning |= _rows(extra.read_text(encoding="utf-8-sig"), str(extra))
        except (OSError, UnicodeDecodeError) as error:
            raise UsageError(f"cannot read the reason codes of {extra}: {error}") from error
    codes = ReasonCodes(meaning, {normal(name): normal(to) for name, to in (scheme_of or {}).items()})
    for provider, scheme in codes.scheme_of.items():
        if scheme not in codes.schemes():
            known = ", ".join(sorted(codes.schemes()))
            raise UsageError(f"provider {provider!r} is sent to scheme {scheme!r}, expected one of: {known}")
    return codes


@cache
def _shipped() -> Mapping[tuple[str, str], CodeMeaning]:
    name = "reason_codes.csv"
    return MappingProxyType(_rows((files("payrec.worklist") / name).read_text(encoding="utf-8"), name))


def _rows(text: str, name: str) -> dict[tuple[str, str], CodeMeaning]:
    reader = csv.DictReader(io.StringIO(text, newline=""))
    if tuple(reader.fieldnames or ()) != COLUMNS:
        columns = ", ".join(reader.fieldnames or ()) or "nothing"
        raise UsageError(f"{name}: found the columns {columns}\nexpected {', '.join(COLUMNS)}")
    meanings = {}
    for row in reader:
        for column, known in (("category", CATEGORIES), ("decline", DECLINES), ("action", ACTIONS)):
            if row[column] not in known:
                where = f"{name}, line {reader.line_num}"
                raise UsageError(f"{where}: found {column} {row[column]!r}, expected one of: {', '.join(known)}")
        key = (normal(row["scheme"]), normal(row["code"]))
        meanings[key] = CodeMeaning(row["category"], row["decline"], row["action"], row["meaning"] or "")
    return meanings


def look_up(
    codes: ReasonCodes, code: str, provider: str | None = None, payment_method: str | None = None
) -> CodeMeaning | None:
    """Meaning of ``code``, or None if it is unknown or means different things in schemes that all may be meant.

    Searched in turn: the provider's own rows, the scheme the provider was sent to, the scheme named within the
    provider or the payment method (``stripe_eu``, ``bacs_debit``), rows for any provider, then every scheme
    that need not be named, if all that know the code agree.

    >>> look_up(read(), "51").category
    'insufficient_funds'
    >>> look_up(read(), "12") is None  # too little money at Adyen, an invalid card in ISO 8583
    True
    >>> look_up(read(), "12", provider="adyen").action
    'retry_later'
    """
    key = normal(code)
    for scheme in _schemes_named(codes, normal(provider or ""), normal(payment_method or "")):
        meaning = codes.meaning.get((scheme, key))
        if meaning is not None:
            return meaning
    everywhere = [
        reason for (scheme, known), reason in codes.meaning.items() if known == key and scheme not in ONLY_IF_NAMED
    ]
    distinct = {(reason.category, reason.decline, reason.action) for reason in everywhere}
    return everywhere[0] if len(distinct) == 1 else None


def _schemes_named(codes: ReasonCodes, provider: str, payment_method: str) -> list[str]:
    schemes = codes.schemes()
    words = [*provider.split("_"), *payment_method.split("_")]
    named = [provider, codes.scheme_of.get(provider, ""), payment_method, *words, ANY]
    return [name for name in dict.fromkeys(named) if name in schemes]


def annotate(rows: pa.Table, codes: ReasonCodes) -> pa.Table:
    """Add ``reason_category, decline, suggested_action`` to rows with ``reason_code`` (and provider, payment_method).

    No code at all (nothing failed, it is only unpaid): the action is ``contact``. A code without meaning: all NULL.
    """
    pairs, positions = _pairs(rows)
    meanings = [
        None if code is None else look_up(codes, code, provider, method)
        for provider, method, code in zip(*(pairs[name].to_pylist() for name in _PAIR), strict=True)
    ]
    absent = [code is None for code in pairs["reason_code"].to_pylist()]
    columns = {
        "reason_category": [reason and reason.category for reason in meanings],
        "decline": [reason and reason.decline for reason in meanings],
        "suggested_action": [
            "contact" if none else reason and reason.action for reason, none in zip(meanings, absent, strict=True)
        ],
    }
    for name, values in columns.items():
        rows = rows.append_column(name, pa.array(values, pa.string()).take(positions))
    return rows


def unmapped(rows: pa.Table, codes: ReasonCodes) -> pa.Table:
    """Codes without a meaning: ``provider, payment_method, reason_code, rows``, the most frequent first."""
    pairs, positions = _pairs(rows)
    counts = pc.value_counts(positions)
    count_of = dict(zip(counts.field("values").to_pylist(), counts.field("counts").to_pylist(), strict=True))
    out = [
        {**pair, "rows": count_of[at]}
        for at, pair in enumerate(pairs.to_pylist())
        if pair["reason_code"] is not None
        and look_up(codes, pair["reason_code"], pair["provider"], pair["payment_method"]) is None
    ]
    out.sort(key=lambda row: (-row["rows"], row["provider"] or "", row["payment_method"] or "", row["reason_code"]))
    schema = pa.schema([(name, pa.string()) for name in _PAIR] + [("rows", pa.int64())])
    return pa.Table.from_pylist(out, schema=schema)


_PAIR = ("provider", "payment_method", "reason_code")


def _pairs(rows: pa.Table) -> tuple[pa.Table, pa.Array[Any]]:
    """Distinct (provider, method, code), and for each row its position among them, so that each is looked up once."""
    columns = [text(rows, name) for name in _PAIR]
    joined = pc.binary_join_element_wise(*columns, "\x1f", null_handling="replace", null_replacement="\x00")
    positions = one_chunk(pc.dictionary_encode(joined)).indices
    first = np.unique(positions.to_numpy(), return_index=True)[1]
    return pa.Table.from_arrays(columns, list(_PAIR)).take(first), positions
