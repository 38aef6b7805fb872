"""The model card: one JSON document that describes a model, and a self-contained HTML page that shows it.

``card`` gathers, ``html`` draws. The page is made from the card alone, so an old model's page can be made again.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from importlib.resources import files
from typing import Any

from jinja2 import Environment, StrictUndefined
from markupsafe import Markup

from payrec.charts.theme import COLORS, percent, shown
from payrec.common.json import json_values
from payrec.model.evaluate import worth
from payrec.model.evaluate.backtest import Backtest, BacktestSpec
from payrec.model.features.declarations import FEATURES, GROUPS
from payrec.model.recipes import training_summary
from payrec.model.recipes.model import Model
from payrec.model.store import model_json

DARK = {
    "ink": "#e8edf3",
    "muted": "#9fadbd",
    "grid": "#2c3643",
    "model": "#5aa9ff",
    "best": "#e8edf3",
    "history": "#f0954f",
    "amount": "#43c59e",
    "oldest": "#c08bef",
    "random": "#7d8a99",
    "soft": "#274a74",
}
"""Colours of the charts on a dark page, by role."""

FIGURES = {
    "pr_auc": ("PR AUC", "precision of the ranking; a random order gets the base rate"),
    "roc_auc": ("ROC AUC", "chance that a payer is ranked above a non-payer; random 0.5"),
    "brier": ("Brier score", "mean squared error of the probabilities; lower is better"),
    "brier_skill": ("Brier skill", "share of that error removed compared with predicting the base rate"),
    "log_loss": ("Log loss", "mean negative log-likelihood of the outcomes; lower is better"),
    "ece": ("Calibration error (ECE)", "mean gap between predicted and recovered share"),
    "lift_at_k": ("Lift at K", "share of payers in the top of the list, relative to the whole list"),
    "value_at_k": ("Value at K", "money recovered in the top of the list, as a share of the best possible"),
}

NOT_TESTED = {
    "immature": "the horizon is not over, so the outcome is not known yet",
    "no_outcome": "the order ended without money (void, credit note), or nobody knows when it was paid",
    "already_recovered": "not a snapshot: the order was closed before that age",
    "embargo": "before the test, but its outcome was known too late to train on",
    "train_only": "used for training, older than every test",
    "after_until": "later than the end given by --until",
    "other_ages": "of an age not selected",
    "not_landmark": "made for scoring, not at a landmark age",
}

GENERAL_LIMITS = (
    "It says who is likely to pay, not who pays because of a contact. Some would have paid anyway.",
    "It knows the past. After a change of prices, providers, retry rules or policy it must be tested again.",
    "Recovered means: at most 5% of the amount is outstanding, net of refunds and chargebacks; never a write-off.",
    "A snapshot is one order at one age, so an order counts once at each age at which it was open.",
    "Feature importance is not causation: correlated features share their influence.",
    "A score is an aid. People decide, see the reasons, and can be asked to explain a decision.",
)


def card(model: Model, backtest: Backtest, audit: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """Return the model card: recipe, training, features, backtest, limits, and the commands that reproduce it.

    Parameters
    ----------
    model
        The model that will serve.
    backtest
        How its recipe did on snapshots that it had not seen; its models are refits in the past, not this one.
    audit
        Counts and findings of the data audit, ``{"counts": {…}, "findings": [{"level", "message", …}]}``; None if
        there was none.

    Returns
    -------
    dict
        Fit for JSON. The same model, backtest and audit give the same card: it records no time of its own.
    """
    learnt, left_out = model.training, set(model.training.left_out_features)
    gathered = {
        "recipe": model.recipe,
        "horizon_days": model.horizon_days,
        "max_age_days": model.max_age_days,
        "calibration": model.calibration.kind,
        "follows_level": model.level is not None,
        "training": {
            "first_as_of": learnt.first_as_of.isoformat(),
            "last_as_of": learnt.last_as_of.isoformat(),
            **{name: getattr(learnt, name) for name in ("rows", "positives", "orders", "customers", "base_rate")},
            **{name: getattr(learnt, name) for name in ("seed", "left_out", "slices", "losses")},
            "calibrated_from": None if learnt.calibrated_from is None else learnt.calibrated_from.isoformat(),
            "choice": training_summary.choice(learnt),
        },
        "features": [
            {
                "name": feature.name,
                "group": GROUPS[feature.group],
                "unit": feature.unit,
                "meaning": feature.meaning,
                "used": feature.name not in left_out,
            }
            for feature in FEATURES
        ],
        "schema": model.schema,
        "libraries": model_json.libraries(),
        "backtest": backtest.to_dict(),
        "audit": None if audit is None else dict(audit),
        "limits": _limits(model, backtest.to_dict()),
        "reproduce": _commands(backtest.spec),
    }
    plain: dict[str, Any] = json_values(gathered)
    return plain


def _limits(model: Model, tested: Mapping[str, Any]) -> list[str]:
    special = [
        f"It has seen orders up to {model.max_age_days} days old; older ones are listed separately and not scored."
    ]
    if tested["ece"] is not None and tested["ece"] > 2 * tested["ece_by_chance"]:
        special.append(
            f"Its probabilities were off by {percent(tested['ece'], 1)} on average, "
            f"more than the {percent(tested['ece_by_chance'], 1)} that chance explains."
        )
    if len(tested["value_by_currency"]) > 1:
        special.append("Amounts of different currencies were not summed: no rate was known for all of them.")
    over = tested["ci95"].get("pr_auc_over_history_rate", [None, None])[0]
    if over is None or over <= 0:
        special.append("On the rows tested it is not significantly better than ranking by the customer's own history.")
    return [*special, *GENERAL_LIMITS]


def _commands(spec: BacktestSpec) -> list[str]:
    options = f"--recipe {spec.recipe} --horizon {spec.horizon_days}"
    window = f"--folds {spec.folds}" if spec.split is None else f"--split {spec.split}"
    until = "" if spec.until is None else f" --until {spec.until}"
    ages = "" if spec.ages is None else f" --ages {','.join(map(str, spec.ages))}"
    seed = f"PAYREC_SEED={spec.seed}"
    return [f"{seed} payrec train {options}", f"{seed} payrec backtest {options} {window}{until}{ages}"]


def html(of: Mapping[str, Any], model_id: str | None = None) -> str:
    """Draw a card as one page that needs nothing from outside: styles and pictures are in it, scripts are not.

    Parameters
    ----------
    of
        As made by :func:`card`, or read from ``card.json``.
    model_id
        Name of the version, for the heading.
    """
    from payrec.charts.ranking import SERIES  # on use: a library that draws takes long to import
    from payrec.model.evaluate import pictures

    tested = of["backtest"]
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    environment.filters.update(number=_number, money=_money, day=_day, percent=percent, shown=shown, svg=Markup)
    template = environment.from_string((files("payrec.model.evaluate") / "report.html.j2").read_text(encoding="utf-8"))
    return template.render(
        card=of,
        tested=tested,
        model_id=model_id,
        verdict=verdict(tested),
        figures=[
            {"name": title, "value": tested[key], "interval": tested["ci95"].get(key), "meaning": meaning}
            for key, (title, meaning) in FIGURES.items()
        ],
        rules=worth.RULES,
        orders={name: words for name, (words, _, _) in SERIES.items()},
        money=[picture for picture in (pictures.value_at_k(tested), pictures.capture(tested, "value")) if picture],
        payers=pictures.capture(tested, "gains"),
        reliability=pictures.reliability(tested),
        segments=pictures.segments(tested),
        importance=pictures.importance(tested),
        over_time=pictures.over_time(tested),
        reasons=NOT_TESTED,
        light=COLORS,
        dark=DARK,
    )


def verdict(tested: Mapping[str, Any]) -> str:
    """Say in a sentence whether the model is worth having."""
    if tested["pr_auc"] is None:
        return "The snapshots tested all ended the same way, so the model cannot be assessed."
    low, high = tested["ci95"].get("pr_auc_over_history_rate", [None, None])
    history = tested["baselines"]["history_rate"]["pr_auc"]
    compared = f"PR AUC {tested['pr_auc']:.3f} against {history:.3f}"
    seen = f"On {tested['rows']:,} snapshots it had not seen"
    if low is None:
        return f"{seen}, the model compared with the customer's own history: {compared}; no interval available."
    sure = (
        "significantly better than"
        if low > 0
        else "significantly worse than"
        if high < 0
        else "not significantly different from"
    )
    return f"{seen}, the model is {sure} ranking by the customer's own history: {compared}."


def _number(value: float | None, digits: int = 3) -> str:
    return "–" if value is None else f"{value:.{digits}f}"


def _money(minor: int) -> str:
    return f"{minor / 100:,.2f}"


def _day(moment: str) -> str:
    return datetime.fromisoformat(moment).strftime("%Y-%m-%d")
