"""payrec score: the open orders, or an exported feature view, scored and ranked without publishing."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from datetime import datetime
from pathlib import Path

from payrec.commands import serving
from payrec.commands.check import require_promises
from payrec.commands.list_summary import served_coverage
from payrec.commands.policies import policy_of
from payrec.commands.scoring import ScoringRequest, Worklist, score_layers, score_rows, scoring_request
from payrec.common.errors import UsageError
from payrec.common.progress import Progress, silent
from payrec.data import feature_file
from payrec.data.engines import Engine
from payrec.model.store.bundle import Bundle
from payrec.publish import action_events, export, run_info
from payrec.publish.store import open_store
from payrec.worklist import policy as rules_of
from payrec.worklist.policy import Policy


def score(
    engine: Engine,
    models: Path | str | Bundle = "models",
    as_of: datetime | None = None,
    policy: Policy | Path | str | None = None,
    capacity: int | None = None,
    out: Path | str | None = None,
    now: datetime | None = None,
    payments_until: datetime | None = None,
    published: Path | str = "out/published",
    progress: Progress = silent,
) -> Worklist:
    """Score and rank the open orders, without publishing them.

    Parameters
    ----------
    models
        Folder of the versions, whose champion scores, or a ranking by rule if none was trained yet; or a version that
        is loaded already.
    as_of
        Time to score at (UTC, without zone); None: the end of the observed data.
    policy, capacity
        The rules or their file (None: the defaults), and the number of contacts available.
    out
        Also write the list: ``.csv``, ``.xlsx`` or ``.parquet``.
    now
        Time of scoring, for the stamp; None: ``as_of``.
    payments_until
        Time until which all payments are known (UTC, without zone): the list is as of then at the latest.
    published
        Folder of the published lists, where people's actions are kept; PostgreSQL and Spark keep both themselves.

    Raises
    ------
    ModelRefused
        There are models but no champion, or its files are damaged.
    DataRefused
        There are no orders, they break a promise of the SQL layers (money in a currency without a rate), they cannot
        be ranked without guessing, or payments are older than orders by more than
        three usual gaps and ``payments_until`` does not say otherwise.

    >>> int(payrec.score(engine, models, capacity=20).frame["priority_flag"].sum())
    20
    """
    rules = policy_of(policy, capacity)
    bundle = serving.of_database(engine, models, serving.codes_of(rules), progress)
    store = open_store(Path(published) if engine.name == "duckdb" else engine)
    action_events.record(engine, store)
    wanted = scoring_request(engine, bundle, rules, as_of, now, progress, store, payments_until=payments_until)
    with wanted as request:
        require_promises(engine)
        ranked = score_layers(engine, request, progress)
    return _written(replace(ranked, coverage=served_coverage(store)), out)


def score_file(
    file: Path | str,
    models: Path | str | Bundle = "models",
    as_of: datetime | None = None,
    policy: Policy | Path | str | None = None,
    capacity: int | None = None,
    out: Path | str | None = None,
    now: datetime | None = None,
    progress: Progress = silent,
) -> Worklist:
    """Score an exported feature view without a database; parameters as :func:`score`.

    Raises
    ------
    UsageError
        The file has no rows, and neither ``as_of`` nor ``now`` gives a time.
    DataRefused
        As :func:`payrec.data.feature_file.read`.

    >>> payrec.score_file(folder / "open_orders.csv", models).ranked.num_rows > 0
    True
    """
    rules, path = policy_of(policy, capacity), Path(file)
    rows = feature_file.read(path, as_of)
    bundle = serving.of_rows(rows, models, serving.codes_of(rules))
    digest, rules_sha256 = hashlib.sha256(path.read_bytes()).hexdigest(), rules_of.fingerprint(rules)
    at = as_of or (rows["as_of"][0].as_py() if rows.num_rows else now)
    if at is None:
        raise UsageError(f"found no rows in {path.name}, expected some, or a time to score at\nname it: as_of or now")
    run_id = run_info.identity(at, bundle.model_id, rules_sha256, digest)
    request = ScoringRequest(at, bundle, rules, rules_sha256, run_id, digest, now or at)
    return _written(score_rows(lambda step: map(step, rows.to_batches()), request, None, None, progress), out)


def _written(ranked: Worklist, out: Path | str | None) -> Worklist:
    if out is not None:
        Path(out).parent.mkdir(parents=True, exist_ok=True)
        export.write(ranked.ranked, Path(out), replace(ranked.run.stamp, expected="; ".join(ranked.expected)))
    return ranked
