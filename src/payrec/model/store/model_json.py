"""``model.json``: a model as one JSON document, written canonically and parsed strictly."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from functools import cache
from importlib.metadata import version
from itertools import pairwise
from typing import Any, Literal

from pydantic import TypeAdapter, ValidationError

from payrec.common.errors import ModelRefused
from payrec.common.json import canonical_json
from payrec.common.short_repr import short_repr
from payrec.common.text import terminal_text
from payrec.model.features.declarations import CATEGORIES, LEARNED, NUMBERS, schema_hash
from payrec.model.features.spreads import Spread
from payrec.model.features.vocabulary import FIRST_LEVEL, Vocabulary
from payrec.model.recipes import boosting
from payrec.model.recipes.additive import CELLS, AdditiveModel, Curve, Pair
from payrec.model.recipes.boosting import Trees
from payrec.model.recipes.calibrate import Calibration
from payrec.model.recipes.contact_effect import ContactEffect
from payrec.model.recipes.curve import HorizonCurve
from payrec.model.recipes.level import Level
from payrec.model.recipes.model import Average, Model, Scorer
from payrec.model.recipes.training_summary import TrainingSummary

FORMAT = 1
AGAIN = "train again, or use another version: payrec models list"


@short_repr
@dataclass(frozen=True)
class ModelDocument:
    """The content of ``model.json``; ``tables`` is null where ``booster.json`` holds all, and half of an average."""

    format: Literal[1]
    schema: str
    libraries: dict[str, str]
    recipe: Literal["logistic", "xgboost", "average", "original", "rule"]
    horizon_days: int
    max_age_days: int
    min_age_days: int
    base_log_odds: float
    calibration: Calibration
    vocabulary: Vocabulary
    tables: AdditiveModel | None
    training: TrainingSummary
    spreads: tuple[Spread, ...]
    level: Level | None
    curve: HorizonCurve | None
    shift: float
    shift_day: int
    effect: ContactEffect | None
    card: dict[str, Any] | None


def dump(model: Model, card: dict[str, Any] | None) -> bytes:
    """Return the bytes of ``model.json``: keys sorted, numbers in their shortest exact form."""
    document = ModelDocument(
        format=1,
        schema=model.schema,
        libraries=libraries(),
        recipe=model.recipe,
        horizon_days=model.horizon_days,
        max_age_days=model.max_age_days,
        min_age_days=model.min_age_days,
        base_log_odds=model.base_log_odds,
        calibration=model.calibration,
        vocabulary=model.vocabulary,
        tables=_tables(model.scorer),
        training=model.training,
        spreads=model.spreads,
        level=model.level,
        curve=model.curve,
        shift=model.shift,
        shift_day=model.shift_day,
        effect=model.effect,
        card=card,
    )
    return canonical_json(asdict(document))


def trees(model: Model) -> bytes | None:
    """Return the bytes of ``booster.json``, or None for an additive model."""
    trees = model.scorer.trees if isinstance(model.scorer, Average) else model.scorer
    return trees.content if isinstance(trees, Trees) else None


def _tables(scorer: Scorer) -> AdditiveModel | None:
    tables = scorer.tables if isinstance(scorer, Average) else scorer
    return tables if isinstance(tables, AdditiveModel) else None


def parse(content: bytes, booster: bytes | None, name: str) -> tuple[Model, dict[str, Any] | None]:
    """Return the model and the card of ``model.json`` and ``booster.json``.

    Raises
    ------
    ModelRefused
        Made for other features or another format; an unexpected key, type or shape; trees that fail the check.
    """
    _refuse_foreign(content, name)
    try:
        document = _adapter().validate_json(content, strict=True)
        again = canonical_json(asdict(document))
    except (ValidationError, ValueError) as error:
        where = (
            "/".join(terminal_text(str(part)) for part in error.errors()[0]["loc"])
            if isinstance(error, ValidationError)
            else "it"
        )
        msg = f"found a malformed model.json in {name} (at {where}), expected one that payrec wrote\n{AGAIN}"
        raise ModelRefused(msg) from error
    wrong = "its bytes" if again != content else _misshapen(document)
    if wrong:
        raise ModelRefused(f"found a malformed model.json in {name} ({wrong}), expected one that payrec wrote\n{AGAIN}")
    model = Model(
        recipe=document.recipe,
        horizon_days=document.horizon_days,
        max_age_days=document.max_age_days,
        min_age_days=document.min_age_days,
        vocabulary=document.vocabulary,
        scorer=_scorer(document, booster, name),
        calibration=document.calibration,
        base_log_odds=document.base_log_odds,
        training=document.training,
        schema=document.schema,
        spreads=document.spreads,
        level=document.level,
        curve=document.curve,
        shift=document.shift,
        shift_day=document.shift_day,
        effect=document.effect,
    )
    return model, document.card


def libraries() -> dict[str, str]:
    """Versions of the libraries that the reference rows depend on."""
    return {name: version(name) for name in ("numpy", "payrec", "pyarrow", "xgboost-cpu")}


def versions_line(content: bytes) -> str:
    """Name the versions a model was made with and those here."""
    trained_with = json.loads(content)["libraries"]
    return "made with " + _named(trained_with) + "; here " + _named(libraries())


def _named(versions: object) -> str:
    """Say the versions, which may come from a file that is not ours."""
    known = sorted(versions.items()) if isinstance(versions, dict) else []
    return ", ".join(f"{terminal_text(str(name))} {terminal_text(str(version))}" for name, version in known[:10])


@cache
def _adapter() -> TypeAdapter[ModelDocument]:
    return TypeAdapter(ModelDocument)


def _refuse_foreign(content: bytes, name: str) -> None:
    try:
        head = json.loads(content)
        versions = (head["format"], head["schema"])
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        msg = f"found a model.json in {name} that is not a model, expected one that payrec wrote\n{AGAIN}"
        raise ModelRefused(msg) from error
    if versions != (FORMAT, schema_hash()):
        raise ModelRefused(
            f"found a model for format {terminal_text(str(versions[0]))} and features "
            f"{terminal_text(str(versions[1]))}, expected {FORMAT} and {schema_hash()}\n"
            f"made with {_named(head.get('libraries'))}; here {_named(libraries())}\n{AGAIN}"
        )


def _misshapen(document: ModelDocument) -> str:
    """Name the first part whose shape does not fit the features, or nothing."""
    vocabulary, tables = document.vocabulary, document.tables
    if set(vocabulary.levels) != {feature.name for feature in LEARNED}:
        return "vocabulary"
    if len(vocabulary.segment_means) not in (0, vocabulary.size("provider") * vocabulary.size("reason_code")):
        return "segment_means"
    if (document.recipe == "xgboost") != (tables is None):
        return "tables"
    return "" if tables is None else _misshapen_tables(tables, vocabulary)


def _misshapen_tables(tables: AdditiveModel, vocabulary: Vocabulary) -> str:
    sizes = {f.name: FIRST_LEVEL + len(f.levels or vocabulary.levels.get(f.name, ())) for f in CATEGORIES}
    moving = {curve.feature for curve in tables.curves}
    checks = (
        *((f"curve of {curve.feature}", _is_curve(curve)) for curve in tables.curves),
        *((f"levels of {level.feature}", len(level.values) == sizes.get(level.feature)) for level in tables.levels),
        *((f"pair {pair.features}", _is_pair(pair, sizes)) for pair in tables.pairs),
        *(
            (
                f"slope {slope.features}",
                len(slope.slopes) == sizes.get(slope.features[0]) and slope.features[1] in moving,
            )
            for slope in tables.slopes
        ),
    )
    return next((name for name, fits in checks if not fits), "")


def _is_curve(curve: Curve) -> bool:
    rising = all(left < right for left, right in pairwise(curve.cells))
    ends = curve.cells[:1] + curve.cells[-1:] == (0, CELLS)
    known = any(curve.feature == feature.name for feature in NUMBERS)
    return known and rising and ends and len(curve.cells) == len(curve.values) and curve.low < curve.high


def _is_pair(pair: Pair, sizes: dict[str, int]) -> bool:
    within = all(0 <= cell < pair.shape[0] * pair.shape[1] for cell in pair.cells)
    shape = tuple(sizes.get(name) for name in pair.features)
    return within and pair.shape == shape and len(pair.cells) == len(pair.values)


def _scorer(document: ModelDocument, booster: bytes | None, name: str) -> Scorer:
    tables, with_trees = document.tables, document.recipe in ("xgboost", "average")
    if tables is not None and booster is None and not with_trees:
        return tables
    problem = boosting.problem(booster or b"")
    if problem or not with_trees:
        msg = f"found a booster.json in {name} that is not this model's ({problem or 'an additive model'})\n{AGAIN}"
        raise ModelRefused(msg)
    trees = Trees(booster or b"")
    return trees if tables is None else Average(tables, trees)
