"""Commands about the versions of the model: models list, show, promote, rollback."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from payrec.cli import output
from payrec.cli.options import Json, configured

models_app = typer.Typer(help="Versions of the model, and which of them serves.", no_args_is_help=True)
Reference = Annotated[str, typer.Argument(metavar="ID", help="A model's id, the start of one, or champion.")]


@models_app.command("list")
def models_list(as_json: Json = False) -> None:
    """List all versions, newest data first, each verified."""
    from payrec.model.store import versions

    folder = configured().models_dir
    found = [_summary(v) for v in versions.versions(folder)]

    def render() -> None:
        if not found:
            output.say(f"no model in {folder} yet; train one: payrec train")
            return
        output.table(
            ["model", "serves", "recipe", "horizon", "rows", "until", "problem"],
            [[("champion" if v["is_champion"] else "") if k == "is_champion" else v[k] for k in v] for v in found],
        )

    output.emit({"models": found}, as_json, render)


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
    """Show one version: what it learnt from and how it did."""
    from payrec.model.store import versions

    found = versions.show(configured().models_dir, reference)
    card = found.card or {}

    def render() -> None:
        training = found.model.training
        output.say(f"model {found.model_id}: {found.model.recipe}, {found.model.horizon_days} days")
        output.say(
            f"{training.rows:,} snapshots of {training.orders:,} orders, {training.first_as_of:%Y-%m-%d} to "
            f"{training.last_as_of:%Y-%m-%d}, {training.base_rate:.1%} recovered"
        )

    output.emit({"model_id": found.model_id, "card": card}, as_json, render)


@models_app.command("promote")
def models_promote(reference: Reference, as_json: Json = False) -> None:
    """Let a version serve from now on, whatever the gate said of it."""
    from payrec.model.store import versions

    model_id = versions.promote(configured().models_dir, reference)
    output.emit({"champion": model_id}, as_json, lambda: output.say(f"model {model_id} serves from now on"))


@models_app.command("rollback")
def models_rollback(as_json: Json = False) -> None:
    """Go back to the model that served before."""
    from payrec.model.store import versions

    model_id = versions.rollback(configured().models_dir)
    output.emit({"champion": model_id}, as_json, lambda: output.say(f"model {model_id} serves again"))
