"""The experiment that runs, on its way through a run: read with the list's inputs, stored before the list is shown."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime

import pyarrow as pa

from payrec.commands import holdout
from payrec.commands.scoring import ScoringRequest, Worklist
from payrec.common.errors import Locked, UsageError
from payrec.data.engines import Engine
from payrec.monitor import experiment_status
from payrec.publish import experiments, lists, run_info
from payrec.publish.run_info import Published


def with_experiment(engine: Engine, request: ScoringRequest, runs: list[Published], serve: bool) -> ScoringRequest:
    """Return the request with the experiment that runs, which is one of its inputs; a list that is not served has none.

    Raises
    ------
    UsageError
        The policy lists orders: arms are those of customers.
    """
    one = experiments.running(engine)
    if one is None or not lists.is_to_be_served(request.as_of, runs[0] if runs else None, serve):
        return request
    name = one.experiment.experiment_id
    if request.policy.listed_by != "customer":
        msg = f"experiment {name} assigns customers, but the policy lists orders"
        raise UsageError(f'{msg}\nset unit = "customer" in the policy, or stop it: payrec holdout stop')
    run_id = run_identity(request, f":{name}")
    return replace(request, run_id=run_id, running=experiments.state(engine, run_id))


def run_identity(request: ScoringRequest, more: str) -> str:
    """Return the id of a run whose list has more inputs than the request names."""
    name = f":{request.running.experiment.experiment_id}" if request.running else ""
    inputs = f"{request.inputs_sha256}{name}{more}"
    return run_info.identity(request.as_of, request.bundle.model_id, request.policy_sha256, inputs)


def store_arms(engine: Engine, request: ScoringRequest, worklist: Worklist, now: datetime) -> None:
    """Store who is contacted and who is held out; called before the list becomes visible.

    Raises
    ------
    Locked
        The experiment was stopped meanwhile.
    """
    if request.running is None or worklist.arms is None:
        return
    one = experiments.running(engine)
    if one is None or one.experiment != request.running.experiment:
        name = request.running.experiment.experiment_id
        raise Locked(f"experiment {name} was stopped while this run made a list by it\nrun it again")
    experiments.add(engine, one.experiment, worklist.arms, worklist.ranked, request.run_id, now)


def status_rows(engine: Engine) -> Iterator[pa.RecordBatch]:
    """Yield where the last experiment stands, for the readers of the list; nothing without an experiment."""
    if experiments.registered(engine):
        yield from experiment_status.to_table(holdout.status(engine)).to_batches()
