"""Erased customers that stay out of loads: keyed hashes of their ids and of their orders' ids, in ``kept_out``.

A hash can only be compared by who has the key, so nothing here names a person. Orders are hashed too, because events
name their order alone.
"""

from __future__ import annotations

import hmac
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from payrec.common.errors import UsageError
from payrec.common.text import sql_literal, sql_literals
from payrec.data.engines import Engine

TABLE = "kept_out"
PERSON, ORDER = "customer_id", "order_id"


@dataclass
class LoadFilter:
    """Drops the rows of kept-out customers from what a load writes, and counts them.

    ``orders``: order id → customer hash, of the dropped orders; their events are dropped from now on.
    """

    key: str = field(repr=False)
    hashes: frozenset[str]
    rows: int = 0
    orders: dict[str, str] = field(default_factory=dict)

    def batches(self, batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        """Yield the rows of all other customers."""
        for batch in batches:
            column = PERSON if PERSON in batch.schema.names else ORDER
            ids = map(str, batch.column(column).unique().to_pylist())
            digests = {one: hashed(one, column, self.key) for one in ids}
            dropped: Any = pa.array([name for name, digest in digests.items() if digest in self.hashes], pa.string())
            is_dropped: Any = pc.is_in(batch.column(column), value_set=dropped)
            theirs = batch.filter(is_dropped)
            self.rows += theirs.num_rows
            if column == PERSON and ORDER in batch.schema.names:
                names = map(str, theirs[PERSON].to_pylist())
                self.orders.update(
                    zip(map(str, theirs[ORDER].to_pylist()), map(digests.__getitem__, names), strict=True)
                )
            yield batch.filter(pc.invert(is_dropped)) if theirs.num_rows else batch


def hashed(name: str, column: str, key: str) -> str:
    """Return the keyed hash of a customer's or order's id.

    >>> hashed("c1", "customer_id", "a key")[:16], hashed("c1", "order_id", "a key")[:16]
    ('b5d8ebb0a86bfc2d', '4ab6c15ca0cb8cbb')
    """
    return hmac.digest(key.encode(), f"{column}\0{name}".encode(errors="surrogatepass"), "sha256").hex()


def load_filter(engine: Engine, key: str | None) -> LoadFilter | None:
    """Return the filter of a load, None if no customer is kept out.

    Raises
    ------
    UsageError
        Customers are kept out under another key, or none is given: they cannot be recognised.
    """
    hashes = engine.read(f"SELECT id_hash FROM {TABLE}")["id_hash"].to_pylist() if TABLE in engine.tables() else []
    return LoadFilter(_checked(engine, key), frozenset(map(str, hashes))) if hashes else None


def add(engine: Engine, customer_id: str, order_ids: Iterable[str], key: str | None) -> None:
    """Keep a customer out of later loads; raises as :func:`load_filter`, also without a key."""
    checked = _checked(engine, key)
    customer = hashed(customer_id, PERSON, checked)
    add_orders(engine, dict.fromkeys(order_ids, customer), checked)
    _insert(engine, {customer: customer}, checked)


def add_orders(engine: Engine, orders: dict[str, str], key: str) -> None:
    """Keep orders (id → customer hash) out of later loads."""
    _insert(engine, {hashed(order, ORDER, key): customer for order, customer in orders.items()}, key)


def lift(engine: Engine, customer_id: str, key: str | None) -> None:
    """Let later loads take a customer again; raises as :func:`add`."""
    customer = hashed(customer_id, PERSON, _checked(engine, key))
    engine.run(f"DELETE FROM {TABLE} WHERE customer_hash = {sql_literal(customer)}")


def is_kept_out(engine: Engine, customer_id: str, key: str | None) -> bool | None:
    """Whether loads leave a customer out; None if that cannot be known without the key."""
    kept = load_filter(engine, key) if key or not _keys(engine) else None
    if kept is None:
        return None if _keys(engine) else False
    return hashed(customer_id, PERSON, kept.key) in kept.hashes


def _insert(engine: Engine, hashes: dict[str, str], key: str) -> None:
    known = engine.read(f"SELECT id_hash FROM {TABLE} WHERE id_hash IN ({sql_literals(['', *hashes])})")
    rows = [
        {"id_hash": one, "customer_hash": customer, "key_hash": _key_hash(key)}
        for one, customer in sorted(hashes.items())
        if one not in set(known["id_hash"].to_pylist())
    ]
    if rows:
        engine.write(TABLE, pa.Table.from_pylist(rows), key=())


def _keys(engine: Engine) -> set[Any]:
    return set(engine.read(f"SELECT DISTINCT key_hash FROM {TABLE}")["key_hash"].to_pylist())


def _key_hash(key: str) -> str:
    return hashed("", "key", key)


def _checked(engine: Engine, key: str | None) -> str:
    keys = _keys(engine)
    if key and keys <= {_key_hash(key)}:
        return key
    problem = "is another than the key" if key else "is not set, expected the key"
    if not keys:
        raise UsageError("PAYREC_PRIVACY_KEY is not set, expected a key for the hashes of customers kept out of loads")
    raise UsageError(
        f"PAYREC_PRIVACY_KEY {problem} under which erased customers are kept out of loads\n"
        "set it to that key; if it is lost, see docs/privacy.md"
    )
