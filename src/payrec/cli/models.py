"""Commands about the versions of the model: models list, show, promote, rollback."""

from __future__ import annotations

from typing import Annotated, Any

import typer

import payrec
from payrec.cli import output
from payrec.cli.options import Json, configured

models_app = typer.Typer(help="Versions of the model; which is the champion.", no_args_is_help=True)
Reference = Annotated[str, typer.Argument(metavar="ID", help="A model's id, the start of one, or champion.")]


@models_app.command("list")
def models_list(as_json: Json = False) -> None:
    """List all versions, newest data first, each verified."""
    folder = configured().models_dir
    rows = [_summary(v) for v in payrec.models.list(folder)]

    def render() -> None:
        if not rows:
            output.say(f"no model in {folder} yet; lists go by rule until you train one: payrec train")
            return
        output.table(
            ["model", "serves", "recipe", "horizon", "rows", "until", "problem"],
            [[("champion" if v["is_champion"] else "") if k == "is_champion" else v[k] for k in v] for v in rows],
        )

    output.emit({"models": rows}, as_json, render)


def _summary(version: Any) -> dict[str, Any]:
    model = version.bundle.model if version.bundle else None
    return {
        "model_id": version.model_id,
        "is_champion": version.is_champion,
        "recipe": model.recipe if model else None,
        "horizon_days": model.horizon_days if model else None,
        "rows": model.training.rows if model else None,
        "until": f"{model.training.last_as_of:%Y-%m-%d}" if model else None,
        "problem": version.problem,
    }


@models_app.command("show")
def models_show(reference: Reference = "champion", as_json: Json = False) -> None:
    """Show one version: its training data and its test."""
    bundle = payrec.models.show(reference, configured().models_dir)

    def render() -> None:
        training = bundle.model.training
        output.say(f"model {bundle.model_id}: {bundle.model.recipe}, {bundle.model.horizon_days} days")
        output.say(
            f"{training.rows:,} snapshots of {training.orders:,} orders, {training.first_as_of:%Y-%m-%d} to "
            f"{training.last_as_of:%Y-%m-%d}, {training.base_rate:.1%} recovered"
        )

    output.emit({"model_id": bundle.model_id, "card": bundle.card or {}}, as_json, render)


@models_app.command("promote")
def models_promote(reference: Reference, as_json: Json = False) -> None:
    """Make a version the champion, even if the gate refused it."""
    model_id = payrec.models.promote(reference, configured().models_dir)
    line = f"model {model_id} is now the champion"
    output.emit({"champion": model_id}, as_json, lambda: output.say(line), kept=line)


@models_app.command("rollback")
def models_rollback(as_json: Json = False) -> None:
    """Make the former champion the champion again."""
    model_id = payrec.models.rollback(configured().models_dir)
    line = f"model {model_id} is the champion again"
    output.emit({"champion": model_id}, as_json, lambda: output.say(line), kept=line)
