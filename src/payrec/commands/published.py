"""Where the published lists are: in a folder, or in the database itself."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from payrec.common.errors import UsageError
from payrec.data.engines import Engine, connect, keeps_lists
from payrec.publish.database_store import DatabaseStore
from payrec.publish.folder_store import FolderStore
from payrec.publish.run_info import Published
from payrec.publish.store import ListStore, open_store

Location = Path | str | Engine | FolderStore | DatabaseStore


@contextmanager
def open_lists(url: str, folder: Path) -> Iterator[ListStore]:
    """Open the lists of a database: in the folder, or in the database if it keeps them."""
    if not keeps_lists(url):
        yield open_store(folder)
        return
    with connect(url) as engine:
        yield open_store(engine)


def store_of(published: Location) -> FolderStore | DatabaseStore:
    """Return the store that a command was given: its folder, its database, or the open store itself."""
    location = Path(published) if isinstance(published, str) else published
    return location if isinstance(location, FolderStore | DatabaseStore) else open_store(location)


def current(store: ListStore) -> Published:
    """Return the list published last; UsageError if there is none."""
    newest = store.current()
    if newest is None:
        raise UsageError("found no published list, expected one\nmake it: payrec run")
    return newest
