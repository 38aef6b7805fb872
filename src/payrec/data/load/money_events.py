"""Amounts of money events: which way money moved is proven by column and type, and never guessed.

Amounts of events are positive; the type says which way the money went. Many sources write money that leaves as a
negative number: if every amount of a type is below 0 in the file, they are turned. A single negative amount among
positive ones contradicts its type, and a refund without an amount says nothing: such rows are rejected by line.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import duckdb

from payrec.common.text import sql_literal, sql_literals
from payrec.data.load.layout import LoadPlan
from payrec.data.load.staging import as_table, number

INWARD = ("payment", "credit", "write_off", "pending")  # lower what is owed: a negative one would raise it
OUTWARD = ("refund", "chargeback", "return")  # money that leaves
NEEDS_AMOUNT = ("refund", "chargeback", "return", "credit")  # an empty one does not mean the whole order


@dataclass(frozen=True)
class Signs:
    """Amounts of one event type in a file: how many are below and above 0."""

    event_type: str
    below: int
    above: int

    @property
    def is_turned(self) -> bool:
        """Whether the source writes money that leaves as negative."""
        return self.event_type in OUTWARD and self.below > 0 and self.above == 0


def check(db: duckdb.DuckDBPyConnection, plan: LoadPlan) -> tuple[str, ...]:
    """Turn the amounts of types that are proven negative, and mark rows that contradict their type.

    Fills ``refused`` (line, value, reason) and takes ``ok`` from these rows of ``typed``.

    Returns
    -------
    tuple of str
        Notes for the account: what was turned.
    """
    db.execute('CREATE TABLE refused (line BIGINT, "column" VARCHAR, value VARCHAR, reason VARCHAR)')
    if plan.kind != "events":
        return ()
    signs = _signs(db)
    for turned in (sign.event_type for sign in signs if sign.is_turned):
        as_table(db, "typed")
        db.execute(f"UPDATE typed SET amount = -amount WHERE ok AND event_type = {sql_literal(turned)}")
    for rule in _rules():
        db.execute(f"INSERT INTO refused SELECT line, 'amount', coalesce(CAST(amount AS VARCHAR), ''), {rule}")
    if number(db, "SELECT COUNT(*) FROM refused"):
        as_table(db, "typed")
        db.execute("UPDATE typed SET ok = FALSE WHERE line IN (SELECT line FROM refused)")
    return tuple(
        f"{_all(sign)} below 0: read as money that leaves, 100.00 for -100.00" for sign in signs if sign.is_turned
    )


def _all(sign: Signs) -> str:
    kind = sign.event_type
    return f"the amount of one {kind} is" if sign.below == 1 else f"all {sign.below:,} amounts of {kind} are"


def _signs(db: duckdb.DuckDBPyConnection) -> list[Signs]:
    rows = db.execute(
        "SELECT event_type, COUNT(*) FILTER (WHERE amount < 0), COUNT(*) FILTER (WHERE amount > 0) FROM typed "
        f"WHERE ok AND event_type IN ({sql_literals((*INWARD, *OUTWARD))}) GROUP BY event_type ORDER BY event_type"
    ).fetchall()
    return [Signs(*row) for row in rows]


def _rules() -> Iterator[str]:
    """Yield, for each rule, SQL: the sentence and the rows that break it."""
    empty = "'amount is empty: a ' || event_type || ' needs its amount; only payment, write_off and void may mean all'"
    yield f"{empty} FROM typed WHERE ok AND amount IS NULL AND event_type IN ({sql_literals(NEEDS_AMOUNT)})"
    mixed = "'amount is below 0, other amounts of ' || event_type || ' are above: which way did the money go?'"
    yield f"{mixed} FROM typed WHERE ok AND amount < 0 AND event_type IN ({sql_literals(OUTWARD)})"
    inward = (
        "'amount is below 0: money that leaves is a refund, return or chargeback; if the source writes all of it so, "
        'turn it in the map: [derived] amount = "COLUMN * -1"\''
    )
    yield f"{inward} FROM typed WHERE ok AND amount < 0 AND event_type IN ({sql_literals(INWARD)})"
