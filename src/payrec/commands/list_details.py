"""What a run publishes with its list: what its readers need, and all that a replay needs."""

from __future__ import annotations

from functools import partial

from payrec.commands.assigning import status_rows
from payrec.commands.scoring import ScoringRequest, Worklist
from payrec.data.engines import Engine
from payrec.publish import details, replay, team_facts
from payrec.publish.details import Details
from payrec.publish.store import ListStore


def details_of(engine: Engine, store: ListStore, request: ScoringRequest, worklist: Worklist) -> Details:
    """Return the details of a list; the layers must have been built for its time. ``store``: lists and actions."""
    return {
        **details.details_of(engine, request.as_of),
        **replay.details(request.policy, worklist.recent, request.running, request.marks),
        **team_facts.details_of(engine, store, worklist.run, request.policy),
        details.CUSTOMERS: lambda: iter(worklist.customers.to_batches()),
        details.EXPERIMENT: partial(status_rows, engine),
    }
