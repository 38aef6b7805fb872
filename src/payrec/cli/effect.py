"""Commands about what a contact changes: effect train, effect show."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import typer

import payrec
from payrec.cli import options, output
from payrec.cli.options import Database, Json
from payrec.common.errors import CannotTell

effect_app = typer.Typer(help="Say whom a contact changes most.", no_args_is_help=True)
SHOWN = 8  # columns


@effect_app.command("train")
def effect_train(url: Database = None, as_json: Json = False) -> None:
    """Estimate and test what a contact changes."""
    settings = options.configured()
    with options.database(url, settings) as engine:
        report = payrec.effect.train(engine, settings.models_dir, settings.seed)
    _show(report, as_json)


@effect_app.command("show")
def effect_show(as_json: Json = False) -> None:
    """Show the last result; exit 4 while nobody can tell."""
    _show(payrec.effect.show(options.configured().models_dir), as_json)


def _show(report: Any, as_json: bool) -> None:
    verdict = report.verdict

    def render() -> None:
        output.say(f"{report.orders:,} orders of customers that were assigned at random")
        if report.coefficients:
            output.say(f"a contact adds {verdict.mean_effect:+.1f} points on average")
            largest = sorted(report.coefficients.items(), key=lambda one: -abs(one[1]))[:SHOWN]
            output.table(["a contact does more with", "push"], [(name, f"{push:+.3f}") for name, push in largest])
        if verdict.is_on:
            output.say(f"{verdict.reason}; a list by it would bring {verdict.gain:+.0%} extra money, large orders cut")
            output.say('the list is ranked by extra money, unless the policy says rank_by = "expected"')

    output.emit(asdict(report), as_json, render)
    if not verdict.is_on:
        raise CannotTell(f"cannot tell whom a contact changes most: {verdict.reason}")
