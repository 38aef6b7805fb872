"""A past list made again from what was kept with it, and held against what was published."""

from __future__ import annotations

import tempfile
from pathlib import Path

from payrec.commands.deciding import Question, decide
from payrec.commands.layers import Progress
from payrec.common.errors import UsageError
from payrec.model.store import versions
from payrec.publish import replay
from payrec.publish.export import stamped
from payrec.publish.replay import Compared
from payrec.publish.store import ListStore


def replayed(store: ListStore, models: Path, run_id: str, progress: Progress) -> Compared:
    """Make the list of a past run again; nothing is written, and neither raw data nor layers are looked at.

    Raises
    ------
    UsageError
        There is no such run, what it was made of is no longer kept, or its model is gone from the store.
    ModelRefused
        Its model is damaged.
    """
    with tempfile.TemporaryDirectory(prefix="payrec-replay-") as folder:
        progress("reading what the run was made of")
        kept = replay.kept(store, run_id, Path(folder))
        told = kept.run.run
        try:
            bundle = versions.show(models, told.model_id)
        except UsageError as error:
            msg = f"the model of run {run_id} is gone: {error}"
            raise UsageError(msg) from error
        asked = Question(
            told.as_of, bundle, kept.policy, told.policy_sha256, run_id, told.inputs_sha256, told.scored_at
        )
        until = told.summary.data_until
        decided = decide(lambda through: map(through, kept.features.to_batches()), asked, until, kept.recent, progress)
        return replay.compare(stamped(decided.ranked, decided.run.stamp), store.scores(run_id))
