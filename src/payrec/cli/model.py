"""Commands about the model: train, backtest, explain, report."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from payrec.cli import output
from payrec.cli.options import (
    AsOf,
    Database,
    Horizon,
    Json,
    Recipe,
    Until,
    ages,
    configured,
    database,
    day,
    moment,
    now,
)
from payrec.common.errors import UsageError

if TYPE_CHECKING:
    from payrec.common.settings import Settings


def train(
    recipe: Recipe = "auto", horizon: Horizon = None, as_of: AsOf = None, until: Until = None,
    url: Database = None, as_json: Json = False,
) -> None:  # fmt: skip
    """Train on the database's history, test it, and let it serve if it passes the quality gate."""
    from payrec import commands
    from payrec.model.evaluate import gate

    settings = configured()
    how = learning(settings, recipe, horizon, moment(until, "--observed-until"))
    how = commands.Learning(how.asked, how.spec, how.models, how.now, moment(as_of, "--as-of"))
    with database(url, settings) as engine, output.steps(as_json) as step:
        made = commands.train(engine, how, step)
    document = {
        "model_id": made.model_id,
        "recipe": made.model.recipe,
        "is_champion": made.is_champion,
        "failures": made.verdict.failures,
        "training": made.card.get("training"),
        "tested": made.backtest.to_dict(),
    }

    def render() -> None:
        output.say(
            f"model {made.model_id} ({made.model.recipe}), trained on {made.model.training.rows:,} snapshots "
            f"up to {made.model.training.last_as_of:%Y-%m-%d}, {made.model.training.base_rate:.1%} recovered"
        )
        show_figures(made.backtest.to_dict())
        output.say("it serves from now on (champion)" if made.is_champion else "it is kept, but does not serve")

    output.emit(document, as_json, render)
    gate.require(made.verdict)


def learning(settings: Settings, recipe: str, horizon: int | None, until: Any) -> Any:
    """Gather what training needs to be told."""
    from payrec import commands
    from payrec.model.recipes import training

    if recipe not in training.RECIPES:
        msg = f"found the recipe {recipe!r}, expected one of {', '.join(training.RECIPES)}"
        raise UsageError(msg)
    asked = commands.parameters(settings, None, horizon, until)
    spec = training.TrainSpec(recipe, asked.horizon_days, settings.seed, settings.train_max_rows)
    return commands.Learning(asked, spec, settings.models_dir, now())


def backtest(
    recipe: Recipe = "auto",
    horizon: Horizon = None,
    folds: Annotated[int, typer.Option("--folds", min=1, help="Windows of a rolling origin.")] = 5,
    split: Annotated[str | None, typer.Option("--split", metavar="DATE", help="One split instead of folds.")] = None,
    end: Annotated[str | None, typer.Option("--until", metavar="DATE", help="Test rows before this day only.")] = None,
    age_list: Annotated[str | None, typer.Option("--ages", metavar="DAYS,…", help="Snapshots of these ages.")] = None,
    predictions: Annotated[Path | None, typer.Option("--predictions", metavar="FILE.parquet")] = None,
    until: Until = None,
    url: Database = None,
    as_json: Json = False,
) -> None:
    """Test a recipe on the past: trained as it would have been then, judged on what came after."""
    from pyarrow import parquet

    from payrec import commands
    from payrec.common.files import replacing
    from payrec.model.evaluate.backtest import BacktestSpec

    settings = configured()
    how = learning(settings, recipe, horizon, moment(until, "--observed-until"))
    if end and not split:
        msg = "found --until without --split, expected both or neither"
        raise UsageError(msg)
    spec = BacktestSpec(
        recipe=recipe, horizon_days=how.asked.horizon_days, folds=folds, split=day(split, "--split"),
        until=day(end, "--until"), ages=ages(age_list), seed=settings.seed, max_rows=settings.train_max_rows,
    )  # fmt: skip
    with database(url, settings) as engine, output.steps(as_json) as step:
        tested = commands.backtest(engine, how.asked, spec, how.now, step)
    if predictions is not None:
        with replacing(predictions) as sink:
            parquet.write_table(tested.predictions, sink)
    output.emit(tested.to_dict(), as_json, lambda: show_figures(tested.to_dict()))


def show_figures(told: dict[str, Any]) -> None:
    """Print the figures of a backtest: ours with intervals, then the baselines."""
    rows = []
    for name in ("pr_auc", "roc_auc", "brier", "brier_skill", "log_loss", "ece", "lift_at_k", "value_at_k"):
        low, high = (told.get("ci95") or {}).get(name, (None, None))
        interval = f"{low:.3f} to {high:.3f}" if low is not None and high is not None else ""
        others = [told["baselines"][b].get(name) for b in _BASELINES]
        rows.append((name, f"{told[name]:.3f}", interval, *(f"{o:.3f}" if o is not None else "" for o in others)))
    output.say(
        f"tested on {told['rows']:,} snapshots, {told['base_rate']:.1%} recovered within {told['horizon_days']} days "
        f"(recipe {told['recipe']}, embargo {told['embargo_days']} days)"
    )
    output.table(["", "payrec", "95 % interval", *(b.replace("_", " ") for b in _BASELINES)], rows)


_BASELINES = ("random", "oldest_first", "amount", "history_rate")


def explain(
    order_id: Annotated[str, typer.Argument(metavar="ORDER_ID")],
    as_of: AsOf = None, url: Database = None, as_json: Json = False,
) -> None:  # fmt: skip
    """Explain one open order's probability: what raised and what lowered it; the steps add up."""
    from payrec import commands
    from payrec.data import layers
    from payrec.model.store import versions

    settings = configured()
    champion = versions.champion(settings.models_dir)
    with database(url, settings) as engine, output.steps(as_json) as step:
        at = moment(as_of, "--as-of")
        asked = layers.Parameters((at,) if at else None, (), champion.model.horizon_days)
        commands.ensure_built(engine, asked, step)
        at = at or layers.scoring_times(engine)[-1]
        row, steps = commands.explain(engine, champion.model, order_id, at)
    told = [{"group": s.group, "fact": s.fact, "points": s.points, "after": s.after} for s in steps.steps]
    document = {
        "order_id": order_id, "as_of": at, "model_id": champion.model_id, "base": steps.base,
        "p_recover_30d": steps.probability, "steps": told, "row": {k: v for k, v in row.items() if v is not None},
    }  # fmt: skip

    def render() -> None:
        output.say(
            f"order {order_id} at {at:%Y-%m-%d %H:%M} UTC: {steps.probability:.1%} within "
            f"{champion.model.horizon_days} days (model {champion.model_id})"
        )
        output.say(f"{'':>7}  {steps.base:>6.1%}  average order")
        for s in steps.steps:
            output.say(f"{100 * s.points:>+7.1f}  {s.after:>6.1%}  {bar(s.points)} {s.fact}")

    output.emit(document, as_json, render)


def bar(points: float) -> str:
    """Return a bar of up to ten signs, so that the direction is seen without colour."""
    return ("▲" if points > 0 else "▼") * max(1, min(10, round(abs(points) * 50)))


def report(
    out: Annotated[Path, typer.Option("--out", metavar="FILE.html", help="File to write.")] = Path("out/report.html"),
    reference: Annotated[str, typer.Option("--model", metavar="ID")] = "champion",
    as_json: Json = False,
) -> None:
    """Write the report of a model: one file that opens anywhere, with its card beside it."""
    page, card = report_files(configured(), reference, out)
    document = {"model_id": store_id(reference), "report": page, "card": card}
    output.emit(document, as_json, lambda: output.say(f"report of model {document['model_id']}: {page}"))


def store_id(reference: str) -> str:
    """Return the id of the model that ``reference`` names."""
    from payrec.model.store import versions

    return versions.resolve(configured().models_dir, reference)


def report_files(settings: Settings, reference: str, out: Path) -> tuple[Path, Path]:
    """Write the report of a model and its card beside it; return both paths."""
    import json

    from payrec.common.files import replacing
    from payrec.model.evaluate import model_report as reporting
    from payrec.model.store import versions

    found = versions.show(settings.models_dir, reference)
    if not found.card:
        msg = f"found no card with the model {found.model_id}, expected one\ntrain it again: payrec train"
        raise UsageError(msg)
    card = out.with_name("card.json")
    out.parent.mkdir(parents=True, exist_ok=True)
    for path, text in (
        (out, reporting.html(found.card, found.model_id)),
        (card, json.dumps(found.card, indent=2, ensure_ascii=False, default=output.plain)),
    ):
        with replacing(path) as sink:
            sink.write(text.encode())
    return out, card


def train_from_scratch() -> None:
    """Train on the configured database, and write the scikit-learn object for notebooks beside the versions."""
    from payrec.cli import main
    from payrec.data import snapshots
    from payrec.model.recipes import notebook, training

    settings = configured()
    joblib = settings.models_dir / "model_calibrated.joblib"
    with database(None, settings) as engine:
        from payrec import commands

        commands.ensure_built(engine, commands.parameters(settings), output.note)
        rows = snapshots.training_rows(engine, settings.train_max_rows, settings.seed)
    notebook.export_joblib(rows, training.TrainSpec("original", settings.horizon_days, settings.seed), joblib)
    output.note(f"the original's recipe, for notebooks: {joblib}")
    main(["train"])
