"""An installation to break: a database, its folders; copied for each trial, and read."""

from __future__ import annotations

import hashlib
import json
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

import psycopg

import postgres_server
from payrec.data import layers
from payrec.data.engines import connect, keeps_lists
from payrec.model.store import versions
from payrec.publish import ledger
from payrec.publish.store import ListStore, open_store


@dataclass(frozen=True)
class Place:
    """Where one installation is; ``url`` names its database, ``folder`` holds everything else."""

    url: str
    folder: Path

    @property
    def published(self) -> Path:
        """Folder of the published lists, where they are not in the database."""
        return self.folder / "published"

    def environment(self) -> dict[str, str]:
        """Return the settings that point the command line here."""
        return {
            "PAYREC_DATABASE": self.url,
            "PAYREC_OUT_DIR": str(self.folder),
            "PAYREC_PUBLISHED_DIR": str(self.published),
            "PAYREC_MODELS_DIR": str(self.folder / "models"),
        }


@dataclass(frozen=True)
class Original:
    """The installation that trials get copies of.

    ``url`` has ``{folder}``, or quoted ``{folder_quoted}``, where its folder stands. On a server it is a database to
    copy, reached as ``admin``.
    """

    url: str
    folder: Path
    scratch: Path
    admin: str | None = None

    @property
    def database(self) -> str:
        """Name of the database to copy."""
        return self.url.rpartition("/")[2]

    def copied(self, number: int | str) -> Place:
        """Make a copy."""
        folder = self.scratch / str(number)
        shutil.copytree(self.folder, folder)
        if self.admin is None:
            return Place(self.url.format(folder=folder, folder_quoted=quote(str(folder), safe="")), folder)
        name = f"{self.database}_{number}"
        postgres_server.create_database(self.admin, name, self.database)
        return Place(postgres_server.with_database(self.admin, name), folder)

    def removed(self, place: Place) -> None:
        """Take a copy away."""
        shutil.rmtree(place.folder)
        if self.admin is not None:
            postgres_server.drop_database(self.admin, f"{self.database}_{place.folder.name}")

    def settled(self, place: Place) -> None:
        """Wait until a server has noticed that its client is dead: it holds its locks until then."""
        if self.admin is None:
            return
        with psycopg.connect(place.url, autocommit=True) as looking:
            rest = "SELECT COUNT(*) FROM pg_stat_activity WHERE datname = current_database()"
            rest += " AND pid <> pg_backend_pid() AND backend_type = 'client backend'"
            while looking.execute(rest).fetchone() != (0,):
                looking.execute("SELECT pg_sleep(0.02)")


def found(place: Place, *, erases: bool = False) -> dict[str, Any]:
    """Return what stands there: published runs with all that is kept of them, raw rows, models, how runs ended.

    ``erases``: rows of lists may be gone.

    Raises
    ------
    AssertionError
        Something is there in part.
    """
    with connect(place.url) as engine:
        store = open_store(engine if keeps_lists(place.url) else place.published)
        runs = store.runs()
        lists = [_list(store, one, erases=erases) for one in runs]
        history = sorted(map(str, store.verdicts().to_pylist()))
        last = {entry.subject: entry.status for entry in ledger.entries(engine) if entry.what == "run"}
        raw = layers.fingerprint(engine) if "fx_rates" in engine.tables() else ""
    models = place.folder / "models"
    problems = [version.problem for version in versions.versions(models) if version.problem]
    assert not problems, problems
    return {
        "served": [one.run.run_id for one in runs],
        "lists": lists,
        "monitored": _hash(history),
        "ended": sorted(last.items()),
        "raw": raw,
        "models": sorted(versions.ids(models)),
        "champion": versions.champion_id(models),
        "aside": sorted(p.name for p in place.published.rglob("*") if p.name.startswith(".")),
    }


def _list(store: ListStore, one: Any, *, erases: bool) -> str:
    """Return a hash of a list and all that is kept beside it; whole, or not at all."""
    name = one.run.run_id
    rows = store.scores(name)
    orders = rows["order_id"].to_pylist()
    ranked = rows["rank"].drop_null().to_pylist()
    assert len(orders) == len(set(orders)), f"{name} has an order twice"
    if not erases:
        assert len(orders) == one.orders, f"{name} has {len(orders)} of {one.orders} orders"
        assert sorted(ranked) == list(range(1, one.ranked + 1)), f"{name} is not ranked from 1 to {one.ranked}"
    beside = {kind: store.detail(name, kind) for kind in details_kept()}
    return _hash([rows.to_pylist(), {kind: kept and kept.to_pylist() for kind, kept in beside.items()}])


def details_kept() -> tuple[str, ...]:
    """Return the names of what is kept beside a list."""
    from payrec.publish import details

    return tuple(details.NAMES)


def _hash(content: Any) -> str:
    return hashlib.sha256(json.dumps(content, default=str).encode()).hexdigest()[:12]
