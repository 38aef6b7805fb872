"""Lists published in a folder of Parquet files, with a pointer file that is replaced in one step.

published/
    current                  {"current": run id that is served, "before": [the other run ids, the newest first]}
    runs/<run id>/           scores.parquet  run.json     written aside, then renamed; the newest runs also have
                             features, events, months and examples (see payrec.publish.details)
    monitor/<run id>.parquet, forecasts/<run id>.parquet
    .damaged-…               what :meth:`FolderStore.repair` moved out of the way
"""

from __future__ import annotations

import json
import os
import re
import secrets
import shutil
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet

from payrec.common import files
from payrec.common.errors import DataRefused, UsageError, file_errors
from payrec.publish import run_info
from payrec.publish.details import CUSTOMERS, KEPT_RUNS, NAMES, Details
from payrec.publish.folder_files import read_of_runs, read_parquet, read_rows_of, write_batches, write_of_run, write_run
from payrec.publish.folder_repair import (
    Damage,
    damaged_details,
    damaged_of_runs,
    delete_set_aside,
    problem_of_run,
    read_run,
    set_aside,
)
from payrec.publish.lists import By, Publication, as_contract, contract_of, is_to_be_served, kept_order, to_publish
from payrec.publish.personal import PERSON, Person
from payrec.publish.run_info import FORECASTS, VERDICTS, Published
from payrec.worklist.rank import SCHEMA

POINTER = "current"
ROW_GROUP = 65_536  # a page of the worklist reads one of them
RUN_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,99}")
ASIDE = ".new-"


@dataclass(frozen=True)
class FolderStore:
    """The lists published in ``folder``; methods as in :class:`payrec.publish.store.ListStore`."""

    folder: Path

    def commit(self, publication: Publication) -> bool:
        """Publish a list; a crash at any step leaves the former one served."""
        run, details = publication.run, publication.details
        rows = to_publish(run, publication.scores)
        _checked(run.run_id)
        order = self._order()
        with file_errors(self.folder):
            if order[:1] == [run.run_id]:
                self._complete(run.run_id, details)
                self._clear(order)  # a run that was killed may have left files
                return False
            (self.folder / "runs").mkdir(parents=True, exist_ok=True)
            runs = self.runs()
            number = 1 + max((one.published_no for one in runs), default=0)
            if self.run_folder(run.run_id).is_dir():
                self._complete(run.run_id, details)
            else:
                self._write(run_info.counted(run, number, rows), rows, details)
            served = is_to_be_served(run.as_of, runs[0] if runs else None, publication.serve)
            if not served and run.run_id in order:
                self._clear(order)
                return False
            order = kept_order(run.run_id, [name for name in order if name != run.run_id], served, publication.keep)
            publication.guard()
            self._number(order[0], number if served else number + 1)
            self._point(order)
            self._clear(order)
        return True

    def current(self) -> Published | None:
        """Return the run that is served, None before the first."""
        order = self._order()
        return self._read(order[0]) if order else None

    def runs(self) -> list[Published]:
        """Return all kept runs, the served one first."""
        order = self._order()
        served = [self._read(name) for name in order[:1]]  # readers get no older list in its stead
        return served + [self._read(name) for name in order[1:] if not problem_of_run(self.run_folder(name))]

    def scores(self, run_id: str) -> pa.Table:
        """Return the list of a run."""
        path = self.scores_file(run_id)
        if not path.is_file():
            kept = ", ".join(self._order()) or "none"
            raise UsageError(f"there is no published run {run_id} in {self.folder}; kept are: {kept}")
        return as_contract(read_parquet(path))

    def columns(self, run_id: str, names: Sequence[str], by: By = "customer") -> pa.Table:
        """Return columns of a list, by customer or by order; empty if there is none."""
        path = self.detail_file(run_id, CUSTOMERS) if by == "customer" else self.scores_file(run_id)
        contract = contract_of(names, by)
        rows = read_parquet(path, columns=list(names)) if path.is_file() else contract.empty_table()
        return as_contract(rows, contract)

    def erased(self, published: Published) -> int:
        """Return how many rows of a list were erased since it was published."""
        return published.orders - int(pyarrow.parquet.read_metadata(self.scores_file(published.run.run_id)).num_rows)

    def detail(self, run_id: str, name: str) -> pa.Table | None:
        """Return a detail of a run, None if it had no rows or is no longer kept."""
        path = self.detail_file(run_id, name)
        return read_parquet(path) if path.is_file() else None

    def retire(self, before: datetime) -> list[str]:
        """Delete lists of before a time, except the served one; return their run ids."""
        delete_set_aside(self.folder, before.replace(tzinfo=UTC).timestamp())
        old = [one.run.run_id for one in self.runs()[1:] if one.run.as_of < before]
        if old:
            order = [name for name in self._order() if name not in old]
            with file_errors(self.folder):
                self._point(order)
                self._clear(order)
        return old

    def add_verdicts(self, run_id: str, verdicts: pa.Table) -> None:
        """Store the verdicts of a run; replaces those of the same run."""
        write_of_run(self.folder / "monitor" / f"{_checked(run_id)}.parquet", verdicts.cast(VERDICTS))

    def verdicts(self) -> pa.Table:
        """Return the verdicts of all runs."""
        return read_of_runs(self.folder / "monitor", VERDICTS)

    def add_forecasts(self, run_id: str, forecasts: pa.Table) -> None:
        """Store the forecast of a run; one that is stored stays as it is."""
        path = self.folder / "forecasts" / f"{_checked(run_id)}.parquet"
        if not path.is_file():
            write_of_run(path, forecasts.cast(FORECASTS))

    def forecasts(self) -> pa.Table:
        """Return the forecasts of all runs."""
        return read_of_runs(self.folder / "forecasts", FORECASTS)

    def scores_of(self, customer_id: str, run_id: str | None = None, columns: Sequence[str] | None = None) -> pa.Table:
        """Return the rows of a customer, in all kept lists or in one, with all columns or some."""
        contract = contract_of(columns or SCHEMA.names, "order")
        names = [run_id] if run_id else [one.run.run_id for one in self.runs()]
        files_of = [self.scores_file(name) for name in names]
        tables = [as_contract(read_rows_of(path, PERSON, customer_id, columns), contract) for path in files_of]
        return pa.concat_tables(tables) if tables else contract.empty_table()

    def erase(self, person: Person) -> int:
        """Delete a person's rows from all lists and details, file by file, and all damaged files; return their number.

        Nobody can tell whom a damaged file names.
        """
        self.repair()
        delete_set_aside(self.folder)
        erased = 0
        for path in sorted((self.folder / "runs").glob("*/*.parquet")):
            try:
                table = read_parquet(path)
            except DataRefused:
                path.unlink(missing_ok=True)
                continue
            others = person.without(table)
            if not others.equals(table):
                erased += table.num_rows - others.num_rows or 1  # or a text in which the id was replaced
                with files.replacing(path) as sink:
                    pyarrow.parquet.write_table(others, sink, compression="zstd", row_group_size=ROW_GROUP)
        return erased

    def repair(self) -> list[Damage]:
        """Move damaged files out of the way and write a damaged pointer again; the caller holds the lock of the run.

        A run whose ``run.json`` or list is damaged goes as a whole; publishing the same run again restores it, and
        restores missing details of the run that is published.
        """
        if not self.folder.is_dir():
            return []
        with file_errors(self.folder):
            damages = [
                set_aside(self.folder, path, "it is not a folder")
                for path in (self.folder / name for name in ("runs", "monitor", "forecasts"))
                if os.path.lexists(path) and not path.is_dir()
            ]
            pointed, problem = self._pointed()
            order = self._order_by_number() if problem else list(pointed)
            if problem and (order or os.path.lexists(self.folder / POINTER)):
                damages.append(set_aside(self.folder, self.folder / POINTER, problem))
            for run_id in tuple(order):
                if unusable := problem_of_run(self.run_folder(run_id)):
                    damages.append(set_aside(self.folder, self.run_folder(run_id), unusable))
                    order.remove(run_id)
                elif of_run := damaged_details(self.folder, self.run_folder(run_id), order.index(run_id) < KEPT_RUNS):
                    damages += of_run
                    write_run(self.run_folder(run_id), self._read(run_id))
            damages += damaged_of_runs(self.folder)
            if order and (problem or order != pointed):
                self._point(order)
            elif pointed and not order:
                (self.folder / POINTER).unlink(missing_ok=True)
        return damages

    def run_folder(self, run_id: str) -> Path:
        """Return the folder of a run."""
        return self.folder / "runs" / _checked(run_id)

    def scores_file(self, run_id: str) -> Path:
        """Return the Parquet file of a run's list, for readers that page through it."""
        return self.run_folder(run_id) / "scores.parquet"

    def detail_file(self, run_id: str, name: str) -> Path:
        """Return the file of a detail of a run; it may be missing (see :mod:`payrec.publish.details`)."""
        return self.run_folder(run_id) / f"{name}.parquet"

    def _write(self, published: Published, scores: pa.Table, details: Details) -> None:
        aside = self.folder / "runs" / f"{ASIDE}{secrets.token_hex(8)}"
        aside.mkdir()
        try:
            with files.replacing(aside / "scores.parquet") as sink:
                pyarrow.parquet.write_table(scores, sink, compression="zstd", row_group_size=ROW_GROUP)
            for name, read in details.items():
                write_batches(aside / f"{name}.parquet", read())
            write_run(aside, published)
            os.rename(aside, self.run_folder(published.run.run_id))
        finally:
            shutil.rmtree(aside, ignore_errors=True)
        files.sync_folder(self.folder / "runs")

    def _complete(self, run_id: str, details: Details) -> None:
        """Write the details of a published run that are missing."""
        for name, read in details.items():
            if not self.detail_file(run_id, name).is_file():
                write_batches(self.detail_file(run_id, name), read())
        write_run(self.run_folder(run_id), self._read(run_id))

    def _number(self, run_id: str, number: int) -> None:
        """Give a run its number in the order of runs; the greatest is served, should the pointer be lost."""
        known = self._read(run_id)
        if known.published_no < number:
            write_run(self.run_folder(run_id), replace(known, published_no=number))

    def _point(self, order: list[str]) -> None:
        with files.replacing(self.folder / POINTER) as sink:
            sink.write(json.dumps({"current": order[0], "before": order[1:]}).encode())

    def _clear(self, order: list[str]) -> None:
        """Delete what no pointer leads to; a reader that came just before may still hold its open files."""
        for path in (self.folder / "runs").iterdir():
            if path.name not in order and not path.name.startswith(ASIDE):
                # renamed first: no reader sees a run that is half deleted
                os.rename(path, path.with_name(f"{ASIDE}{secrets.token_hex(8)}"))
        for path in (self.folder / "runs").glob(f"{ASIDE}*"):
            shutil.rmtree(path, ignore_errors=True)
        for run_id in order[KEPT_RUNS:]:
            for name in NAMES:
                self.detail_file(run_id, name).unlink(missing_ok=True)
        for path in self.folder.glob(f".{POINTER}.*.tmp"):  # of a run that was killed while it wrote the pointer
            path.unlink(missing_ok=True)

    def _order(self) -> list[str]:
        """Return the run ids, the served one first; without a usable pointer in the order of publication."""
        order, problem = self._pointed()
        return self._order_by_number() if problem else order

    def _pointed(self) -> tuple[list[str], str | None]:
        """Return what the pointer says, or what is wrong with it."""
        path = self.folder / POINTER
        try:
            pointer: dict[str, Any] = json.loads(path.read_bytes()) if path.is_file() else {}
            return [_checked(name) for name in (pointer["current"], *pointer["before"])], None
        except (OSError, ValueError, KeyError, TypeError, UsageError):
            return [], "it does not name the published runs" if os.path.lexists(path) else "it is missing"

    def _order_by_number(self) -> list[str]:
        folders = [path for path in (self.folder / "runs").glob("*") if RUN_ID.fullmatch(path.name)]
        runs = [read_run(path / "run.json") for path in folders if not problem_of_run(path)]
        return [one.run.run_id for one in sorted(runs, key=lambda one: -one.published_no)]

    def _read(self, run_id: str) -> Published:
        if problem := problem_of_run(self.run_folder(run_id)):
            raise DataRefused(f"the published list {run_id} is damaged: {problem}\npublish it again: payrec run")
        return read_run(self.run_folder(run_id) / "run.json")


def _checked(run_id: str) -> str:
    """Refuse a run id that would lead out of the folder."""
    if not isinstance(run_id, str) or not RUN_ID.fullmatch(run_id):
        raise UsageError(f"found the run id {run_id!r}, expected letters, digits, _ . -")
    return run_id
