"""What a file is loaded into: the columns of each raw table, what they hold and what may be left out.

Keep in step with ``data/sql/01_schema.sql``; ``tests/data/load/test_mapping.py`` compares the two.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Kind = Literal["transactions", "events", "fx", "customers"]
Holds = Literal["text", "currency", "event_type", "status", "amount", "rate", "integer", "flag", "day", "time"]

EVENT_TYPES = (
    "attempt",
    "payment",
    "refund",
    "chargeback",
    "dispute_opened",
    "dispute_closed",
    "contact",
    "promise",
    "credit",
    "write_off",
    "opt_out",
    "pending",
    "return",
    "void",
    "snooze",
)
STATUS_WORDS = {  # status -> other words for it in exports, all in lower case with underscores
    "open": ("unpaid", "not_paid", "sent", "awaiting_payment", "due", "overdue", "past_due", "outstanding"),
    "part_paid": ("partially_paid", "partly_paid", "partial", "partial_payment"),
    "paid": (
        "paid_in_full", "fully_paid", "settled", "collected", "succeeded", "success", "successful", "complete",
        "completed", "closed", "partially_refunded",
    ),
    "draft": (),
    "void": ("voided", "cancelled", "canceled", "deleted", "annulled", "reversed"),
    "written_off": ("write_off", "writeoff", "uncollectible", "uncollectable", "bad_debt", "charged_off"),
    "refunded": ("fully_refunded",),
    "disputed": ("dispute", "in_dispute", "under_dispute"),
    "in_flight": ("processing", "submitted", "in_process"),
    "charged_back": ("chargeback",),
}  # fmt: skip
ENDED = ("paid", "refunded", "void", "draft", "written_off")  # statuses of which nothing is owed


@dataclass(frozen=True)
class Column:
    """A column of a raw table.

    ``required`` columns must come from the file or the map; ``filled`` ones may not be empty in any row.
    ``latest`` says how far after ``now`` a date may lie: ``fact`` one day, ``invoice`` two years, ``due`` ten years.
    """

    name: str
    holds: Holds = "text"
    required: bool = False
    filled: bool = False
    length: int = 200
    latest: Literal["fact", "invoice", "due"] = "fact"


@dataclass(frozen=True)
class Target:
    """A raw table: its name, key and columns."""

    kind: Kind
    table: str
    key: tuple[str, ...]
    columns: tuple[Column, ...]

    def names(self) -> tuple[str, ...]:
        """Names of the columns, in the table's order."""
        return tuple(column.name for column in self.columns)


TRANSACTIONS = Target(
    "transactions",
    "raw_transactions",
    ("order_id",),
    (
        Column("order_id", required=True, filled=True),
        Column("customer_id", required=True, filled=True),
        Column("provider"),
        Column("payment_method"),
        Column("currency", "currency", required=True, filled=True, length=10),
        Column("amount", "amount", required=True, filled=True),
        Column("country"),
        Column("device"),
        Column("transaction_type"),
        Column("result_status"),
        Column("reason_code"),
        Column("auth_ts", "time"),
        Column("capture_ts", "time"),
        Column("retries", "integer"),
        Column("chargeback_flag", "flag"),
        Column("invoice_date", "day", required=True, filled=True, latest="invoice"),
        Column("payment_date", "day", required=True),
        Column("due_date", "day", latest="due"),
        Column("outstanding", "amount"),
        Column("status", "status"),
        Column("stated_at", "time"),
        Column("source_account"),  # a complete file settles orders of its own account alone
    ),
)

EVENTS = Target(
    "events",
    "raw_events",
    ("event_id",),
    (
        Column("event_id"),  # made from the row's content where the file has none
        Column("order_id", required=True, filled=True),
        Column("event_ts", "time", required=True, filled=True),
        Column("recorded_ts", "time"),
        Column("event_type", "event_type", required=True, filled=True, length=20),
        Column("amount", "amount"),
        Column("reason_code"),
        Column("channel"),
        Column("detail", length=1000),
        Column("currency", "currency", length=10),
    ),
)

FX = Target(
    "fx",
    "fx_rates",
    ("currency", "rate_date"),
    (
        Column("currency", "currency", required=True, filled=True, length=10),
        Column("rate_date", "day", required=True, filled=True),
        Column("rate_to_reporting", "rate", required=True, filled=True),
    ),
)

CUSTOMERS = Target(  # who is called, and how: never a feature
    "customers",
    "raw_customers",
    ("customer_id",),
    (
        Column("customer_id", required=True, filled=True),
        *(
            Column(name)
            for name in ("name", "email", "phone", "language", "time_zone", "segment", "parent_id", "owner")
        ),
        Column("do_not_contact", "flag"),
        Column("updated_ts", "time"),
    ),
)

TARGETS: dict[Kind, Target] = {target.kind: target for target in (TRANSACTIONS, EVENTS, FX, CUSTOMERS)}
