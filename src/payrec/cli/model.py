"""Commands about the model: train, backtest, explain, report."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

import payrec
from payrec.cli import options, output
from payrec.cli.options import AsOf, Capacity, Database, Horizon, Json, PolicyFile, Recipe, Until
from payrec.cli.summaries import show_figures
from payrec.cli.team import Group, show_team
from payrec.common.errors import UsageError

if TYPE_CHECKING:
    from payrec.commands.explain_customer import CustomerExplanation

EFFECT_STEPS = 5  # shown


def train(
    recipe: Recipe = "auto", horizon_days: Horizon = None, as_of: AsOf = None, observed_until: Until = None,
    policy: PolicyFile = None, capacity: Capacity = None, url: Database = None, as_json: Json = False,
) -> None:  # fmt: skip
    """Train and test; promote it if it passes the quality gate."""
    settings = options.configured()
    with options.database(url, settings) as engine, output.steps(as_json) as step:
        trained = payrec.train(
            engine, settings.models_dir, recipe, as_of=options.moment(as_of, "--as-of"),
            observed_until=options.moment(observed_until, "--observed-until"), now=options.now(),
            policy=policy or settings.policy, capacity=capacity, progress=step,
            **options.learning(settings, horizon_days),
        )  # fmt: skip
    document = {
        "model_id": trained.model_id,
        "recipe": trained.model.recipe,
        "is_champion": trained.is_champion,
        "failures": trained.verdict.failures,
        "training": trained.card.get("training"),
        "tested": trained.backtest.to_dict(),
    }

    def render() -> None:
        training = trained.model.training
        output.say(
            f"model {trained.model_id} ({trained.model.recipe}), trained on {training.rows:,} snapshots "
            f"up to {training.last_as_of:%Y-%m-%d}, {training.base_rate:.1%} recovered"
        )
        show_figures(trained.backtest.to_dict())
        output.say("promoted: it is the champion" if trained.is_champion else "stored, not promoted")

    output.emit(document, as_json, render, kept=f"model {trained.model_id} is stored")
    trained.require_promoted()


def backtest(
    recipe: Recipe = "auto",
    horizon_days: Horizon = None,
    folds: Annotated[int, typer.Option("--folds", min=1, help="Windows of a rolling origin.")] = 5,
    split: Annotated[str | None, typer.Option("--split", metavar="DATE", help="One split instead of folds.")] = None,
    until: Annotated[
        str | None, typer.Option("--until", metavar="DATE", help="Test rows before this day only.")
    ] = None,
    ages_days: Annotated[
        str | None, typer.Option("--ages", metavar="DAYS,…", help="Use only snapshots of these ages (days).")
    ] = None,
    predictions: Annotated[
        Path | None, typer.Option("--predictions", metavar="FILE.parquet", help="Also write every test row.")
    ] = None,
    observed_until: Until = None,
    url: Database = None,
    as_json: Json = False,
) -> None:
    """Test a recipe on the past, with what was known then."""
    settings = options.configured()
    with options.database(url, settings) as engine, output.steps(as_json) as step:
        tested = payrec.backtest(
            engine, recipe, folds=folds, split=options.day(split, "--split"), until=options.day(until, "--until"),
            ages_days=options.ages(ages_days), predictions=predictions,
            observed_until=options.moment(observed_until, "--observed-until"), now=options.now(), progress=step,
            **options.learning(settings, horizon_days),
        )  # fmt: skip
    output.emit(tested.to_dict(), as_json, lambda: show_figures(tested.to_dict()))


def explain(
    order: Annotated[
        str | None, typer.Argument(metavar="ORDER_ID", help="The order's id, as in the data.", show_default=False)
    ] = None,
    customer: Annotated[
        str | None, typer.Option("--customer", metavar="ID", help="Instead: where a customer stands on the list.")
    ] = None,
    as_of: AsOf = None, url: Database = None, as_json: Json = False,
) -> None:  # fmt: skip
    """Explain an order's probability, or a customer's standing."""
    settings = options.configured()
    if (order is None) == (customer is None):
        raise UsageError("expected either ORDER_ID or --customer ID\npayrec explain --help shows both")
    if customer is not None:
        with options.published(url, settings) as store:
            _show_customer(payrec.explain_customer(customer, store), as_json)
        return
    order_id = str(order)
    with options.database(url, settings) as engine, output.steps(as_json) as step:
        explained = payrec.explain(
            engine, order_id, settings.models_dir, options.moment(as_of, "--as-of"), settings.policy, step
        )
    effect = explained.effect
    steps = [{"group": s.group, "fact": s.fact, "points": s.points, "after": s.after} for s in explained.steps]
    document = {
        "order_id": order_id, "as_of": explained.as_of, "model_id": explained.model_id, "base": explained.base,
        "p_recover_30d": explained.probability, "steps": steps,
        **{f"p_{days}d": chance for days, chance in explained.by_day.items()},
        "effect": effect and asdict(effect),
        "row": {k: v for k, v in explained.row.items() if v is not None},
    }  # fmt: skip

    def render() -> None:
        output.say(
            f"order {order_id} at {explained.as_of:%Y-%m-%d %H:%M} UTC: {explained.probability:.1%} within "
            f"{explained.horizon_days} days (model {explained.model_id})"
        )
        if explained.by_day:
            output.say("within " + ", ".join(f"{d} days {p:.1%}" for d, p in explained.by_day.items()))
        output.say(f"{'':>7}  {explained.base:>6.1%}  average order")
        for s in explained.steps:
            output.say(f"{100 * s.points:>+7.1f}  {s.after:>6.1%}  {_bar(s.points)} {s.fact}")
        if effect:
            chances = f"{effect.p_if_contacted:.1%} if contacted, {effect.p_if_not:.1%} if not"
            output.say(f"{effect.kind}: {chances}; what a contact adds, in points:")
            for name, points in list(effect.points.items())[:EFFECT_STEPS]:
                output.say(f"{100 * points:>+7.1f}  {_bar(points)} {name}")

    output.emit(document, as_json, render)


def _show_customer(explained: CustomerExplanation, as_json: bool) -> None:
    def render() -> None:
        output.say(f"customer {explained.customer_id} on the list as of {explained.as_of:%Y-%m-%d %H:%M} UTC")
        for row in explained.customers:
            standing = f"rank {row['rank']}" if row["rank"] else f"not ranked: {row['suppressed_reason']}"
            money = f"{row['outstanding_value']:,.2f} {row['ev_currency']} outstanding"
            output.say(f"{standing}, {money}, {row['ev_recovered'] or 0:,.2f} expected; {row['reason_1'] or ''}")
            if row["contact_group"]:
                output.say(f"one contact with the other customers of {row['contact_group']}")
            if row["machine_flag"] is not None:
                output.say("needs no person: payrec worklist --machine")
        output.table(
            ["order", "outstanding", "age", "chance", "why not"],
            [
                (
                    one["order_id"], f"{one['outstanding']:,.2f} {one['currency']}", f"{one['age_days']} d",
                    "" if one["p_recover_30d"] is None else f"{one['p_recover_30d']:.0%}", one["suppressed_reason"],
                )
                for one in explained.orders
            ],
        )  # fmt: skip
        for one in explained.actions:
            promised = one.amount and f"{one.amount:,.2f} {one.currency}"
            parts = (one.outcome, promised, one.until and f"until {one.until}", one.note)
            words = " ".join(str(part) for part in parts if part)
            undone = ", undone" if one.action_id in explained.undone else ""
            output.say(f"{one.at:%Y-%m-%d %H:%M}  {one.by}: {one.kind} {words} ({one.action_id}{undone})")

    output.emit(asdict(explained) | {"undone": sorted(explained.undone)}, as_json, render)


def _bar(points: float) -> str:
    """Return a bar of up to ten signs, so that the direction is seen without colour."""
    return ("▲" if points > 0 else "▼") * max(1, min(10, round(abs(points) * 50)))


def report(
    out: Annotated[
        Path | None, typer.Option("--out", metavar="FILE", help="File to write; default: out/report.html.")
    ] = None,
    reference: Annotated[str, typer.Option("--model", metavar="ID", help="A model's id, or champion.")] = "champion",
    team: Annotated[
        bool, typer.Option("--team", help="Instead: figures of the collections team; --out NAME.csv, .xlsx, .parquet.")
    ] = False,
    per: Annotated[
        list[Group] | None, typer.Option("--per", help="Groups of --team. Repeatable.", show_default=False)
    ] = None,
    url: Database = None,
    as_json: Json = False,
) -> None:
    """Write a model's report, or the figures of the team (--team)."""
    settings = options.configured()
    if team:
        if reference != "champion":
            raise UsageError("found --model and --team, expected one: the figures of a team are of no model")
        with options.published(url, settings) as store:
            show_team(payrec.team(store, tuple(one.value for one in per or ()), out), out, as_json)
        return
    if per:
        raise UsageError("found --per without --team, expected both\npayrec report --team --per week")
    files = payrec.report(out or Path("out/report.html"), reference, settings.models_dir)
    document = {"model_id": files.model_id, "report": files.page, "card": files.card}
    line = f"report of model {files.model_id}: {files.page}"
    output.emit(document, as_json, lambda: output.say(line), kept=f"the report is in {files.page}")
