"""Views of the worklist under a name, which all who work with the list share."""

from __future__ import annotations

from datetime import datetime
from uuid import uuid4

from payrec.commands.published import Location, store_of
from payrec.publish import saved_views as views
from payrec.publish.saved_views import SavedView


def saved_views(published: Location = "out/published") -> dict[str, SavedView]:
    """Return the saved views by name, in alphabetical order."""
    return views.by_name(store_of(published))


def save_view(
    name: str,
    query: str | None,
    now: datetime,
    by: str,
    published: Location = "out/published",
    view_id: str | None = None,
) -> bool:
    """Save the filters of a page under a name, in place of those that have it; return False if it was sent before.

    Parameters
    ----------
    query
        The filters as in the address of the page (``age=0-7&owner=kim``); None: delete the name.
    now, by
        The present (UTC, without zone), and who saves it.
    view_id
        Id of this save (a UUID), so that a form sent twice is one row; None: a new one.

    Raises
    ------
    UsageError
        The name or the query is too long, or empty; nothing was saved.

    >>> save_view("mine", "owner=kim", datetime(2026, 5, 2), "kim", published)
    True
    >>> saved_views(published)["mine"].query
    'owner=kim'
    """
    return views.add(store_of(published), SavedView(view_id or str(uuid4()), now, by, name, query), now)
