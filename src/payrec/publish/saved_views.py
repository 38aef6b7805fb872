"""Views of the worklist that people saved under a name; rows are only ever added, and the last one of a name holds.

In a folder ``views/DAY/ID.json``; in a database ``payrec_saved_views``, into which the app adds,
on PostgreSQL through one function.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from datetime import datetime
from typing import Any
from urllib.parse import parse_qsl
from uuid import UUID

from payrec.common.errors import UsageError
from payrec.common.text import sql_literal, terminal_text
from payrec.data.engines.retry import retrying
from payrec.data.migrations import migrate_published
from payrec.publish import added_rows
from payrec.publish.database_store import DatabaseStore
from payrec.publish.folder_repair import Damage
from payrec.publish.folder_store import FolderStore
from payrec.publish.personal import Person
from payrec.publish.store import ListStore

TABLE, FOLDER = "payrec_saved_views", "views"
NAME_CHARACTERS, QUERY_CHARACTERS = 100, 4_000


@dataclass(frozen=True)
class SavedView:
    """A view and when it was saved (UTC, without zone). ``query``: its filters as in an address; None: deleted."""

    view_id: str
    saved_at: datetime
    by: str
    name: str
    query: str | None = None


def add(store: FolderStore | DatabaseStore, view: SavedView, now: datetime) -> bool:
    """Save a view, or delete its name, at ``now``; return False if its id was recorded before.

    Raises
    ------
    UsageError
        The name is empty or too long, or the query is none of this page.
    """
    view = replace(_validated(view), saved_at=now)
    if isinstance(store, FolderStore):
        return added_rows.add(store.folder / FOLDER, view.view_id, now, asdict(view))
    values = ["NULL" if value is None else sql_literal(str(value)) for value in asdict(view).values()]
    migrate_published(store.engine)
    if store.engine.name == "spark":
        return store.add_row(TABLE, asdict(view), "view_id")
    call = f"SELECT payrec_save_view({', '.join(values)}) AS is_new"
    return retrying(lambda: bool(store.engine.read(call)["is_new"][0].as_py()))


def read(store: FolderStore | DatabaseStore) -> tuple[SavedView, ...]:
    """Return all rows in the order in which they were saved; DataRefused names a damaged file."""
    if isinstance(store, FolderStore):
        files = added_rows.paths(store.folder / FOLDER)
        views = [added_rows.read(path, _parsed, "saved view") for path in files]
    elif TABLE in store.engine.tables():
        rows = store.engine.read(f"SELECT view_id, saved_at, by, name, query FROM {TABLE}").to_pylist()
        views = [SavedView(**row) for row in rows]
    else:
        views = []
    return tuple(sorted(views, key=lambda one: (one.saved_at, one.view_id)))


def by_name(store: FolderStore | DatabaseStore) -> dict[str, SavedView]:
    """Return the views that hold, by name in alphabetical order; of two saves of one name the later."""
    last = {view.name: view for view in read(store)}
    return {name: last[name] for name in sorted(last, key=str.casefold) if last[name].query is not None}


def naming(store: FolderStore | DatabaseStore, person: Person) -> list[SavedView]:
    """Return the views whose name or filters contain a customer's id."""
    return [one for one in read(store) if any(person.redacted(text) != text for text in _texts(one))]


def erase(store: FolderStore | DatabaseStore, person: Person) -> int:
    """Delete the views whose name or filters contain a customer's id; return their number."""
    named = naming(store, person)
    for view in named:
        if isinstance(store, FolderStore):
            for path in added_rows.paths(store.folder / FOLDER, view.view_id):
                path.unlink()
        else:
            store.engine.run(f"DELETE FROM {TABLE} WHERE view_id = {sql_literal(view.view_id)}")
    return len(named)


def repair(store: ListStore) -> list[Damage]:
    """Move damaged files of views out of the way and return them; the server keeps its rows whole."""
    return added_rows.repair(store.folder, FOLDER, _parsed, "saved view") if isinstance(store, FolderStore) else []


def _texts(view: SavedView) -> list[str]:
    return [view.name, *(text for pair in parse_qsl(view.query or "") for text in pair)]


def _validated(view: SavedView) -> SavedView:
    name = " ".join(view.name.replace("\0", "").encode(errors="replace").decode().split())
    if not 0 < len(name) <= NAME_CHARACTERS:
        raise UsageError(
            f"found a name of {len(name):,} characters for a view, expected 1 to {NAME_CHARACTERS}\nnothing was saved"
        )
    try:
        view_id = str(UUID(view.view_id))
    except ValueError as error:
        raise UsageError(f"found the view id {terminal_text(view.view_id)}, expected a UUID") from error
    query = view.query
    if query is not None and (len(query) > QUERY_CHARACTERS or "\0" in query or (query and not parse_qsl(query))):
        msg = f"found a view of {len(query):,} characters, expected filters as in the address of the page"
        raise UsageError(f"{msg}, at most {QUERY_CHARACTERS:,}\nnothing was saved")
    return replace(view, view_id=view_id, name=name)


def _parsed(plain: dict[str, Any]) -> SavedView:
    return SavedView(**plain | {"saved_at": datetime.fromisoformat(plain["saved_at"])})
