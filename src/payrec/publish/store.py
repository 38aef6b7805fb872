"""Where lists are published: a folder (embedded engines) or tables of a database (PostgreSQL), behind one interface."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, Protocol

import pyarrow as pa

from payrec.data.engines import Engine
from payrec.publish.database_store import DatabaseStore
from payrec.publish.details import CUSTOMERS, NAMES
from payrec.publish.folder_repair import Damage
from payrec.publish.folder_store import FolderStore
from payrec.publish.lists import By, Publication, as_contract
from payrec.publish.personal import Person
from payrec.publish.run_info import Published
from payrec.worklist import customer_list


class ListStore(Protocol):
    """Published runs, each with its list, its details and its verdicts."""

    def commit(self, publication: Publication) -> bool:
        """Publish a ranked list, all or nothing; return False if that changes nothing.

        It is served unless the served list has a later ``as_of``.

        Raises
        ------
        DataRefused
            The scores have other columns than the contract, or another ``as_of`` than the run.
        """

    def current(self) -> Published | None:
        """Return the run that is served, None before the first."""

    def runs(self) -> list[Published]:
        """Return all kept runs, the served one first, then by order of publication."""

    def scores(self, run_id: str) -> pa.Table:
        """Return the list of a run; columns that an older payrec did not write are NULL.

        Raises
        ------
        UsageError
            There is no such run.
        """

    def columns(self, run_id: str, names: Sequence[str], by: By = "customer") -> pa.Table:
        """Return columns of a list, by customer or by order, without reading the others; empty if there is none."""

    def erased(self, published: Published) -> int:
        """Return how many rows of a list were erased since it was published."""

    def detail(self, run_id: str, name: str) -> pa.Table | None:
        """Return a detail of a run, None if it had no rows or is no longer kept."""

    def retire(self, before: datetime) -> list[str]:
        """Delete lists with an ``as_of`` before a time, and their details; return their run ids.

        The served list stays at any age. Verdicts stay: they name no customer.
        """

    def add_verdicts(self, run_id: str, verdicts: pa.Table) -> None:
        """Store the verdicts of a run, in the columns of ``run_info.VERDICTS``; replaces those of the same run."""

    def verdicts(self) -> pa.Table:
        """Return the verdicts of all runs, in no particular order."""

    def add_forecasts(self, run_id: str, forecasts: pa.Table) -> None:
        """Store the forecast of a run, in the columns of ``run_info.FORECASTS``; one that is stored stays as it is."""

    def forecasts(self) -> pa.Table:
        """Return the forecasts of all runs, in no particular order; they stay when lists are retired."""

    def scores_of(self, customer_id: str, run_id: str | None = None, columns: Sequence[str] | None = None) -> pa.Table:
        """Return the rows of a customer, in all kept lists or in one, with all columns or some."""

    def repair(self) -> list[Damage]:
        """Move damaged files out of the way, so that they stop no run; return what was damaged."""

    def erase(self, person: Person) -> int:
        """Delete a person's rows from all lists and details; return their number.

        A folder replaces each file as a whole; a database needs the caller's transaction.
        """


def open_store(location: Path | Engine) -> FolderStore | DatabaseStore:
    """Return the store of a folder of published lists, or of an open database."""
    return FolderStore(location) if isinstance(location, Path) else DatabaseStore(location)


def list_by_customer(store: ListStore, run_id: str) -> pa.Table:
    """Return the list of a run by customer; empty if an older payrec made it."""
    rows = store.detail(run_id, CUSTOMERS)
    return customer_list.SCHEMA.empty_table() if rows is None else as_contract(rows, customer_list.SCHEMA)


def personal_details(store: ListStore, person: Person) -> dict[str, dict[str, list[dict[str, Any]]]]:
    """Return a person's rows in the details of all runs: run id -> name of the detail -> rows; empty ones left out."""
    by_run = {}
    for run_id in (one.run.run_id for one in store.runs()):
        tables = {name: store.detail(run_id, name) for name in (CUSTOMERS, *NAMES)}
        rows = {name: person.rows(table).to_pylist() for name, table in tables.items() if table is not None}
        if any(rows.values()):
            by_run[run_id] = {name: of_name for name, of_name in rows.items() if of_name}
    return by_run
