"""Commands of an experiment that shows what the list brings: holdout plan, start, status, stop."""

from __future__ import annotations

from dataclasses import asdict
from decimal import Decimal, InvalidOperation
from typing import Annotated

import typer

import payrec
from payrec.cli import options, output
from payrec.cli.options import AsOf, Capacity, Database, Json, PolicyFile
from payrec.common.errors import CannotTell, UsageError

holdout_app = typer.Typer(help="Show what the list brings, by random holdout.", no_args_is_help=True)


@holdout_app.command("plan")
def holdout_plan(
    effect_points: Annotated[
        float,
        typer.Option("--effect-points", metavar="POINTS", help="What a contact adds to the recovery of an order."),
    ] = 5.0,
    capacity: Capacity = None,
    policy: PolicyFile = None,
    as_of: AsOf = None,
    url: Database = None,
    as_json: Json = False,
) -> None:
    """Say how many weeks an experiment takes, by the share held out."""
    settings = options.configured()
    with output.steps(as_json) as step, options.database(url, settings) as engine:
        planned = payrec.holdout.plan(
            engine, settings.models_dir, policy or settings.policy, capacity, effect_points,
            options.moment(as_of, "--as-of"), options.now(), step,
        )  # fmt: skip

    def render() -> None:
        output.say(f"{planned.customers:,} customers within the capacity of five past lists, a week apart")
        output.say(f"{planned.customers_per_week:,.0f} come into it newly in a week")
        output.table(
            ["held out", "customers", "weeks until known", "recovered orders given up", "as money"],
            [
                (
                    f"{one.share:.0%}",
                    f"{one.customers:,}",
                    f"{one.weeks:.0f}",
                    f"{one.given_up:,.0f}",
                    money(one.given_up),
                )
                for one in planned.forecasts
            ],
        )
        output.say(f"if a contact adds {planned.effect_points:g} points to the recovery of an order; half of all times")
        output.say("it takes longer. Money needs more customers than points; it is shown with its interval all along.")
        output.say(
            f"the model explains {1 - planned.residual_variance:.0%} of the spread of money; "
            f"the three largest customers carry {planned.largest_share:.0%} of the rest"
        )
        output.say(
            f"A/A check: an interval covers 0 in {planned.placebo_coverage:.0%} of 200 random assignments of them"
        )
        output.say("start it: payrec holdout start --share 0.2 --planned-customers N, with N of the line above")

    def money(orders: float) -> str:
        currency, mean = max(planned.money_per_order.items(), key=lambda one: one[1])
        return f"{orders * mean:,.0f} {currency}" if len(planned.money_per_order) == 1 else ""

    output.emit(asdict(planned), as_json, render)


@holdout_app.command("start")
def holdout_start(
    share: Annotated[float, typer.Option("--share", help="Share of the customers held out.")] = 0.2,
    explore_share: Annotated[
        float, typer.Option("--explore-share", help="Share of the contacts for customers from lower ranks.")
    ] = 0.2,
    max_amount: Annotated[
        list[str] | None,
        typer.Option("--max-amount", metavar="EUR=5000", help="Never hold out who owes more; repeat by currency."),
    ] = None,
    planned_customers: Annotated[
        int, typer.Option("--planned-customers", metavar="N", help="Customers at the planned end, from holdout plan.")
    ] = 5_000,
    name: Annotated[str | None, typer.Option("--name", help="Name; default: the time of the start.")] = None,
    without_check: Annotated[
        bool, typer.Option("--without-check", help="Start without the A/A check of holdout plan.")
    ] = False,
    url: Database = None,
    as_json: Json = False,
) -> None:
    """Start an experiment: the next lists hold out customers at random."""
    settings = options.configured()
    with options.database(url, settings) as engine:
        one = payrec.holdout.start(
            engine, options.now(), share, explore_share, _amounts(max_amount), planned_customers,
            settings.horizon_days, name, settings.seed, without_check,
        )  # fmt: skip
    document = {"experiment_id": one.experiment.experiment_id, "share": share, "started_at": one.started_at}
    line = f"experiment {one.experiment.experiment_id} runs: the next list holds out {share:.0%} at random"
    output.emit(document, as_json, lambda: output.say(line), kept=line)


@holdout_app.command("status")
def holdout_status(
    name: Annotated[str | None, typer.Option("--name", help="The experiment; default: the last one.")] = None,
    url: Database = None,
    as_json: Json = False,
) -> None:
    """Say what the list brought; exit 4 while nobody can tell."""
    settings = options.configured()
    with options.database(url, settings) as engine:
        now = payrec.holdout.status(engine, name)
    sentences = payrec.holdout.sentences(now)
    document = asdict(now) | {"verdict": now.verdict, "sentences": sentences}

    def render() -> None:
        state = "stopped" if now.stopped_at else "runs"
        output.say(f"experiment {now.experiment.experiment_id} {state}, {now.experiment.share:.0%} held out")
        for arm in ("contact", "hold"):
            output.say(f"   {arm:<8}{now.assigned[arm]:>9,} customers, {now.matured[arm]:,} with a known outcome")
        for sentence in sentences:
            output.say(sentence)

    output.emit(document, as_json, render)
    if now.verdict == "cannot tell":
        raise CannotTell(f"cannot tell what the list brought: {now.refusal or 'an interval without 0 is not reached'}")


@holdout_app.command("stop")
def holdout_stop(url: Database = None, as_json: Json = False) -> None:
    """Stop the experiment; nobody is held out from the next list on."""
    settings = options.configured()
    with options.database(url, settings) as engine:
        one = payrec.holdout.stop(engine, options.now())
    line = f"experiment {one.experiment.experiment_id} is stopped: the next list holds out nobody"
    output.emit({"experiment_id": one.experiment.experiment_id}, as_json, lambda: output.say(line), kept=line)


def _amounts(texts: list[str] | None) -> dict[str, Decimal]:
    amounts = {}
    for text in texts or ():
        currency, _, amount = text.partition("=")
        try:
            amounts[currency] = Decimal(amount)
            is_amount = currency.isalpha() and amounts[currency].is_finite() and amounts[currency] >= 0
        except InvalidOperation:
            is_amount = False
        if not is_amount:
            raise UsageError(f"found --max-amount {text!r}, expected a currency and an amount, such as EUR=5000")
    return amounts
