"""The model that serves: the champion, or the ranking by rule before a company has a model of its own."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pyarrow as pa

from payrec.commands import HORIZON_DAYS, SEED
from payrec.commands.build import parameters, reading
from payrec.commands.check import audited
from payrec.common.errors import DataRefused, ModelRefused
from payrec.common.progress import Progress
from payrec.data import layers, snapshots
from payrec.data.engines import Engine
from payrec.model.recipes import rule_rates
from payrec.model.store import versions
from payrec.model.store.bundle import Bundle
from payrec.worklist import reason_codes
from payrec.worklist.policy import Policy
from payrec.worklist.reason_codes import ReasonCodes

MAX_ROWS = 60_000
TOO_FEW = "too_few_rows"  # the one finding against training that does not make the rows wrong


def codes_of(policy: Policy | None) -> ReasonCodes:
    """Return the reason codes that a policy reads, or those of payrec."""
    return reason_codes.read(*(() if policy is None else (policy.reason_codes.file, policy.reason_codes.scheme_of)))


def of_database(
    engine: Engine,
    models: Path | str | Bundle,
    codes: ReasonCodes,
    progress: Progress,
    *,
    has_had_model: Callable[[], bool] = lambda: False,
) -> Bundle:
    """Return the champion; in a store without any model, a ranking by rule, which is promoted there.

    ``has_had_model``: whether lists were ranked by a model before, so that a store without any is one that was lost.

    Raises
    ------
    ModelRefused
        There are models, but no champion among them that can serve.
    DataRefused
        There is no model, and there are no orders to learn the reasons and amounts from.
    """
    if isinstance(models, Bundle):
        return models
    folder = Path(models)
    if has_no_model(folder) and not has_had_model():
        by_rule(engine, folder, codes, progress)
    return versions.champion(folder)


def of_rows(rows: pa.Table, models: Path | str | Bundle, codes: ReasonCodes) -> Bundle:
    """Return the champion, as :func:`of_database`; in a store without any model, the published table for ``rows``."""
    if isinstance(models, Bundle):
        return models
    folder = Path(models)
    if not rows.num_rows or not has_no_model(folder):
        return versions.champion(folder)
    fitted = rule_rates.model(rows, reason_classes(rows, codes), learns=False)
    return versions.show(folder, versions.add(folder, fitted))


def goes_by_rule(folder: Path) -> bool:
    """Whether lists go by rule: the champion is a rule, or there is no model yet."""
    return has_no_model(folder) or (bool(_champion_id(folder)) and _is_rule(folder, "champion"))


@contextmanager
def until_trained(folder: Path) -> Iterator[None]:
    """Add to a refusal to train what serves until then, where lists go by rule."""
    try:
        yield
    except DataRefused as error:
        if not goes_by_rule(folder):
            raise
        raise DataRefused(f"{error}; until then lists go by rule, without a model of yours: payrec score") from error


def has_no_model(folder: Path) -> bool:
    """Whether no model was ever trained here: no champion, and no version but rules."""
    return _champion_id(folder) is None and all(_is_rule(folder, one) for one in versions.ids(folder))


def _champion_id(folder: Path) -> str | None:
    """Return the champion's id, empty if the pointer is damaged: there was one then."""
    try:
        return versions.champion_id(folder)
    except ModelRefused:
        return ""


def _is_rule(folder: Path, reference: str) -> bool:
    try:
        return versions.show(folder, reference).model.recipe == "rule"
    except ModelRefused:
        return False


def by_rule(engine: Engine, folder: Path, codes: ReasonCodes, progress: Progress) -> str:
    """Fit the ranking by rule to the loaded orders, promote it, and return its id."""
    progress("no model yet: ranking by rule")
    layers.prepare(engine)
    if not layers.count(engine, "raw_transactions"):
        raise DataRefused("found no orders, expected some to rank\nload them: payrec load transactions FILE")
    with reading(engine, parameters(HORIZON_DAYS), progress):
        refusals = [finding.code for finding in audited(engine, None, progress).refusals]
        rows = snapshots.all_rows(engine, MAX_ROWS, SEED, progress)
    if not rows.num_rows:
        raise DataRefused("found no open orders, expected some to rank\nload them: payrec load transactions FILE")
    fitted = rule_rates.model(rows, reason_classes(rows, codes), learns=set(refusals) <= {TOO_FEW})
    model_id = versions.add(folder, fitted)
    return versions.promote(folder, model_id)


def reason_classes(rows: pa.Table, codes: ReasonCodes) -> rule_rates.Names:
    """Return the class of each row's reason, shape (n,): ``none`` without one, ``unknown`` if it has no meaning."""
    category = np.array(reason_codes.annotate(rows, codes)["reason_category"].to_pylist(), object)
    named = np.where(category == None, rule_rates.UNKNOWN_REASON, category)  # noqa: E711 - element by element
    return np.where(np.asarray(rows["reason_code"].is_null()), rule_rates.NO_REASON, named).astype(str)
