"""Lists published in a database: tables keyed by run, filled in one transaction; a view shows the served run."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import chain
from typing import Any

import pyarrow as pa
import pyarrow.parquet

from payrec.common.errors import UsageError
from payrec.common.text import sql_literal
from payrec.data.engines import Engine
from payrec.data.engines.retry import retrying
from payrec.data.migrations import migrate_published
from payrec.publish import ledger, run_info
from payrec.publish.details import CUSTOMERS, KEPT_RUNS, NAMES
from payrec.publish.folder_repair import Damage
from payrec.publish.lists import (
    By,
    Publication,
    as_contract,
    contract_of,
    is_to_be_served,
    kept_order,
    to_publish,
    unchanged,
)
from payrec.publish.personal import ERASED, PERSON, Person
from payrec.publish.run_info import FORECASTS, VERDICTS, Published
from payrec.worklist import customer_list
from payrec.worklist.rank import SCHEMA

RUNS, SCORES, MONITOR, WORKLIST = "payrec_runs", "payrec_scores", "payrec_monitor", "payrec_worklist"
DETAILS, BY_CUSTOMER = "payrec_run_details", "payrec_customers"
WEEKS = "payrec_forecasts"
PART_BYTES = 4_000_000  # of a detail in one row


@dataclass(frozen=True)
class DatabaseStore:
    """The lists published in the database of ``engine``; methods as in :class:`payrec.publish.store.ListStore`."""

    engine: Engine

    def commit(self, publication: Publication) -> bool:
        """Publish a list in one transaction; what the server interrupts is repeated as a whole."""
        rows = to_publish(publication.run, publication.scores)
        migrate_published(self.engine)

        def publish() -> bool:
            with self.engine.transaction():
                ledger.fence(self.engine)
                changed = self._publish(publication, rows)
                publication.guard()
            return changed

        return retrying(publish)

    def _publish(self, publication: Publication, rows: pa.Table) -> bool:
        engine, run, runs = self.engine, publication.run, self.runs()
        run_id, serve = run.run_id, publication.serve
        if unchanged(run_id, runs, serve):
            return False
        served = is_to_be_served(run.as_of, runs[0] if runs else None, serve)
        number = 1 + max((one.published_no for one in runs), default=0)
        others = [one.run.run_id for one in runs if one.run.run_id != run_id]
        if len(others) < len(runs):  # published before, and another since: the same rows are served again
            self._number(run_id, number)
        else:
            engine.write(RUNS, _row(run_info.counted(run, number, rows)), key=())
            engine.write(SCORES, rows.sort_by("order_id"), key=())  # in the order of the key: half the time
            for name, read in publication.details.items():
                if name == CUSTOMERS:
                    engine.write(BY_CUSTOMER, pa.Table.from_batches(read(), customer_list.SCHEMA), key=())
                else:
                    self._write_detail(run_id, name, read())
        if not served:
            self._number(others[0], number + 1)
        order = kept_order(run_id, others, served, publication.keep)
        detailed = ", ".join(map(sql_literal, order[:KEPT_RUNS]))
        engine.run(f"DELETE FROM {DETAILS} WHERE run_id NOT IN ({detailed})")
        for old in set(others) - set(order):
            self._delete(old, (BY_CUSTOMER, SCORES, RUNS))
        return True

    def _number(self, run_id: str, number: int) -> None:
        """Give a run its number in the order of runs; the greatest is served."""
        self.engine.run(f"UPDATE {RUNS} SET published_no = {number} WHERE run_id = {sql_literal(run_id)}")

    def _delete(self, run_id: str, tables: tuple[str, ...]) -> None:
        for table in tables:
            self.engine.run(f"DELETE FROM {table} WHERE run_id = {sql_literal(run_id)}")

    def current(self) -> Published | None:
        """Return the run that is served, None before the first."""
        return next(iter(self.runs()), None)

    def runs(self) -> list[Published]:
        """Return all kept runs, the served one first."""
        if RUNS not in self.engine.tables():
            return []
        rows = self.engine.read(f"SELECT * FROM {RUNS} ORDER BY published_no DESC")
        return [_published(row) for row in rows.to_pylist()]

    def scores(self, run_id: str) -> pa.Table:
        """Return the list of a run."""
        if run_id not in {one.run.run_id for one in self.runs()}:
            raise UsageError(f"there is no published run {run_id} in the database")
        select = f"SELECT * FROM {SCORES} WHERE run_id = {sql_literal(run_id)}"
        order = "rank NULLS LAST, suppressed_reason NULLS LAST, order_id"
        return as_contract(self.engine.read(f"{select} ORDER BY {order}"))

    def columns(self, run_id: str, names: Sequence[str], by: By = "customer") -> pa.Table:
        """Return columns of a list, by customer or by order, in no particular order; empty if there is none."""
        table, contract = BY_CUSTOMER if by == "customer" else SCORES, contract_of(names, by)
        if table not in self.engine.tables():
            return contract.empty_table()
        rows = self.engine.read(f"SELECT {', '.join(names)} FROM {table} WHERE run_id = {sql_literal(run_id)}")
        return as_contract(rows, contract)

    def erased(self, published: Published) -> int:
        """Return how many rows of a list were erased since it was published."""
        where = f"run_id = {sql_literal(published.run.run_id)}"
        rows = self.engine.read(f"SELECT COUNT(*) AS n FROM {SCORES} WHERE {where}")["n"][0].as_py()
        return published.orders - int(rows)

    def detail(self, run_id: str, name: str) -> pa.Table | None:
        """Return a detail of a run, None if it had no rows or is no longer kept."""
        if (BY_CUSTOMER if name == CUSTOMERS else DETAILS) not in self.engine.tables():
            return None
        if name == CUSTOMERS:
            columns, at = ", ".join(customer_list.SCHEMA.names), f"run_id = {sql_literal(run_id)}"
            order = "rank NULLS LAST, suppressed_reason NULLS LAST, customer_id, ev_currency"
            listed = self.engine.read(f"SELECT {columns} FROM {BY_CUSTOMER} WHERE {at} ORDER BY {order}")
            return as_contract(listed, customer_list.SCHEMA) if listed.num_rows else None
        where = f"run_id = {sql_literal(run_id)} AND name = {sql_literal(name)}"
        rows = self.engine.read(f"SELECT content FROM {DETAILS} WHERE {where} ORDER BY part")
        parts: list[Any] = rows["content"].to_pylist()
        return pyarrow.parquet.read_table(io.BytesIO(b"".join(parts))) if parts else None

    def retire(self, before: datetime) -> list[str]:
        """Delete lists of before a time, except the served one; return their run ids."""
        old = [one.run.run_id for one in self.runs()[1:] if one.run.as_of < before]
        with self.engine.transaction():
            for run_id in old:
                self._delete(run_id, (DETAILS, BY_CUSTOMER, SCORES, RUNS))
        return old

    def add_verdicts(self, run_id: str, verdicts: pa.Table) -> None:
        """Store the verdicts of a run; replaces those of the same run."""
        migrate_published(self.engine)

        def replace() -> None:
            with self.engine.transaction():
                self._delete(run_id, (MONITOR,))
                self.engine.write(MONITOR, verdicts, key=())

        retrying(replace)

    def verdicts(self) -> pa.Table:
        """Return the verdicts of all runs."""
        if MONITOR not in self.engine.tables():
            return VERDICTS.empty_table()
        return self.engine.read(f"SELECT {', '.join(VERDICTS.names)} FROM {MONITOR}")

    def add_forecasts(self, run_id: str, forecasts: pa.Table) -> None:
        """Store the forecast of a run; one that is stored stays as it is."""
        migrate_published(self.engine)
        where = f"run_id = {sql_literal(run_id)}"
        if not self.engine.read(f"SELECT week FROM {WEEKS} WHERE {where} LIMIT 1").num_rows:
            self.engine.write(WEEKS, forecasts, key=())

    def forecasts(self) -> pa.Table:
        """Return the forecasts of all runs."""
        if WEEKS not in self.engine.tables():
            return FORECASTS.empty_table()
        return self.engine.read(f"SELECT {', '.join(FORECASTS.names)} FROM {WEEKS}")

    def scores_of(self, customer_id: str, run_id: str | None = None, columns: Sequence[str] | None = None) -> pa.Table:
        """Return the rows of a customer, in all kept lists or in one, with all columns or some."""
        if SCORES not in self.engine.tables():
            return SCHEMA.empty_table()
        where = f"{PERSON} = {sql_literal(customer_id)}" + (f" AND run_id = {sql_literal(run_id)}" if run_id else "")
        names = list(columns or SCHEMA.names)
        rows = self.engine.read(f"SELECT {', '.join(names)} FROM {SCORES} WHERE {where}")
        return as_contract(rows, contract_of(names, "order"))

    def erase(self, person: Person) -> int:
        """Delete a person's rows from all lists and details, in the caller's transaction; return their number."""
        erased = 0
        for run_id, name in ((one.run.run_id, name) for one in self.runs() for name in NAMES):
            table = self.detail(run_id, name)
            if table is None:
                continue
            others = person.without(table)
            if not others.equals(table):
                erased += table.num_rows - others.num_rows or 1  # or a text in which the id was replaced
                self.engine.run(
                    f"DELETE FROM {DETAILS} WHERE run_id = {sql_literal(run_id)} AND name = {sql_literal(name)}"
                )
                self._write_detail(run_id, name, iter(others.combine_chunks().to_batches()))
        named = f"{PERSON} = {sql_literal(person.customer_id)}"
        for listed in {SCORES, BY_CUSTOMER} & self.engine.tables():
            erased += int(self.engine.read(f"SELECT COUNT(*) AS n FROM {listed} WHERE {named}")["n"][0].as_py())
            self.engine.run(f"DELETE FROM {listed} WHERE {named}")
            if listed == BY_CUSTOMER:
                of_parent = f"contact_group = {sql_literal(person.customer_id)}"
                self.engine.run(f"UPDATE {listed} SET contact_group = {sql_literal(ERASED)} WHERE {of_parent}")
        return erased

    def add_row(self, table: str, row: dict[str, Any], key: str) -> bool:
        """Add a row on a server without a function of its own; return False if its key is there already."""

        def added() -> bool:
            with self.engine.transaction():
                ledger.fence(self.engine)
                same = f"{key} = {sql_literal(str(row[key]))}"
                if self.engine.read(f"SELECT {key} FROM {table} WHERE {same}").num_rows:
                    return False
                self.engine.write(table, pa.Table.from_pylist([row]), key=())
            return True

        return retrying(added)

    def repair(self) -> list[Damage]:
        """Return nothing: the server keeps its files whole."""
        return []

    def _write_detail(self, run_id: str, name: str, batches: Iterator[pa.RecordBatch]) -> None:
        first = next(batches, None)
        if first is None:
            return
        sink = io.BytesIO()
        with pyarrow.parquet.ParquetWriter(sink, first.schema, compression="zstd") as writer:
            for batch in chain((first,), batches):
                writer.write_batch(batch)
        content = sink.getvalue()
        parts = [content[start : start + PART_BYTES] for start in range(0, len(content), PART_BYTES)]
        rows = [{"run_id": run_id, "name": name, "part": at, "content": part} for at, part in enumerate(parts)]
        self.engine.write(DETAILS, pa.Table.from_pylist(rows), key=())


def _row(published: Published) -> pa.Table:
    row = {
        **{name: value for name, value in vars(published.run).items() if name != "summary"},
        "published_no": published.published_no,
        "orders": published.orders,
        "ranked": published.ranked,
        "prioritised": published.prioritised,
        "data_until": published.run.summary.data_until,
        "facts": json.dumps(run_info.summary_to_json(published.run.summary)),
    }
    return pa.Table.from_pylist([row])


def _published(row: dict[str, object]) -> Published:
    plain = {
        **row,
        "as_of": str(row["as_of"]),
        "scored_at": str(row["scored_at"]),
        "facts": json.loads(str(row["facts"])),
    }
    return run_info.from_json(plain)
