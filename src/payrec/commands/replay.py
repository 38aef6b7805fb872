"""payrec run --replay: a past list, computed again from what was stored with it, and compared."""

from __future__ import annotations

import tempfile
from pathlib import Path

from payrec.commands.published import Location, store_of
from payrec.commands.scoring import ScoringRequest, score_rows
from payrec.common.errors import UsageError
from payrec.common.progress import Progress, silent
from payrec.model.recipes import level
from payrec.model.store import versions
from payrec.publish import replay as stored
from payrec.publish.export import stamped
from payrec.publish.replay import Compared


def replay(
    run_id: str, published: Location = "out/published", models: Path | str = "models",
    progress: Progress = silent,
) -> Compared:  # fmt: skip
    """Compute the list of a past run again and compare; nothing is written, neither raw data nor layers are read.

    Parameters
    ----------
    published
        Folder of the published lists, the PostgreSQL engine that holds them, or their open store.

    Raises
    ------
    UsageError
        There is no such run, its inputs are no longer kept, or its model is gone from the store.
    ModelRefused
        Its model is damaged.
    """
    store = store_of(published)
    with tempfile.TemporaryDirectory(prefix="payrec-replay-") as folder:
        progress("reading the inputs of the run")
        kept = stored.kept(store, run_id, Path(folder))
        run = kept.run.run
        try:
            bundle = versions.show(Path(models), run.model_id)
        except UsageError as error:
            msg = f"the model of run {run_id} is gone: {error}"
            raise UsageError(msg) from error
        night, follows = run.summary.level, bundle.model.level
        request = ScoringRequest(
            run.as_of, bundle, kept.policy, run.policy_sha256, run_id, run.inputs_sha256, run.scored_at,
            level=level.of_night(follows, night.payments, night.state.until) if night and follows else None,
            running=kept.running,
            marks=kept.marks,
        )  # fmt: skip
        again = score_rows(
            lambda step: map(step, kept.features.to_batches()), request, run.summary.data_until, kept.recent, progress
        )
        return stored.compare(stamped(again.ranked, again.run.stamp), store.scores(run_id))
