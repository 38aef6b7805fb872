"""payrec demo: the whole job on simulated data, from files to the ranked list and the report."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated, Any

import typer

import payrec
from payrec.cli import options, output
from payrec.cli.options import Database, Json
from payrec.cli.summaries import show_figures, show_list


def demo(
    orders: Annotated[int, typer.Option("--orders", min=2_000, help="Number of orders to simulate.")] = 50_000,
    capacity: Annotated[int, typer.Option("--capacity", min=1, metavar="K", help="Number of contacts.")] = 50,
    url: Database = None,
    as_json: Json = False,
) -> None:
    """Do the whole job on simulated data, up to list and report."""
    settings = options.configured()
    with output.steps(as_json) as step:
        done = payrec.demo(
            settings.out_dir / "demo", options.now(), orders, capacity, url or settings.database_url(),
            settings.models_dir, settings.published_dir, policy=settings.policy, progress=step,
            **options.learning(settings, None), **options.operation(settings),
        )  # fmt: skip
    document = done.report.summary() | {
        "rows": done.rows,
        "truth": None if done.truth is None else vars(done.truth),
        "year": None if done.year is None else asdict(done.year),
        "files": done.files,
    }
    output.emit(document, as_json, lambda: _render(done, document), kept="the list is published")


def _render(done: Any, document: dict[str, Any]) -> None:
    rows = done.rows
    output.say(f"1  data      {rows['raw_transactions']:,} simulated orders, {rows['raw_events']:,} events")
    trained = done.trained
    output.say(f"2  model     {document['model_id']}{', trained and tested now' if trained else ', as trained before'}")
    if trained:
        show_figures(trained.backtest.to_dict())
    output.say(f"3  list      {'as published before' if done.report.already_done else 'published'}")
    show_list(document)
    output.say()
    _show_first(done.report, 5)
    if done.truth is not None:
        output.say()
        _compare(done.truth)
    if done.year is not None:
        output.say()
        _show_year(done.year)
    output.say()
    output.say("4  files")
    for name, path in document["files"].items():
        output.say(f"   {name:<10}{path}")
    output.say("next: make app, or payrec explain ORDER_ID, or payrec --help")


def _show_first(report: Any, k: int) -> None:
    """Print the first customers to contact; the first orders, where the policy's unit is the order."""
    by_customer = report.published.run.summary.unit == "customer"
    rows = report.customers if by_customer else report.ranked
    first = rows.filter(rows["rank"].is_valid()).slice(0, k).to_pylist()
    shown = [
        (
            r["rank"], r["customer_id"] if by_customer else r["order_id"],
            *([r["orders_open"]] if by_customer else []), f"{r['outstanding_value']:,.2f}", r["ev_currency"],
            f"{r['oldest_age_days' if by_customer else 'age_days']} d", f"{r['ev_recovered']:,.2f}", r["reason_1"],
        )
        for r in first
    ]  # fmt: skip
    names = ["customer", "orders"] if by_customer else ["order"]
    output.table(["rank", *names, "outstanding", "", "oldest", "expected", "first reason"], shown)


def _show_year(year: Any) -> None:
    share = year.status.experiment.share
    contacts = year.contacts_per_week
    output.say(f"what a year of lists brought (simulated): {contacts} contacts a week, {share:.0%} held out at random")
    output.say(f"   {'came back after a contact':<28}{year.came_back / 100:>12,.0f} EUR")
    money = next(
        (one for one in reversed(year.status.figures) if one.refusal is None and one.measure != "points"), None
    )
    if money is None:
        output.say(f"   cannot tell: {year.status.refusal or year.status.figures[-1].refusal}")
    else:
        low, total, high = (amount / 100 for amount in (money.estimate.low, money.estimate.total, money.estimate.high))
        name = "extra money the list brought" if money.measure == "money" else "extra, large orders cut"
        output.say(f"   {name:<28}{total:>12,.0f} EUR  (between {low:,.0f} and {high:,.0f}, by the experiment alone)")
    output.say(f"   {'extra money in truth':<28}{year.true_extra / 100:>12,.0f} EUR")


def _compare(truth: Any) -> None:
    what = f"{truth.contacted} contacts about {truth.orders} orders"
    output.say(f"what happened next (simulated data: outcome known): {what}")
    low, high = truth.interval
    output.say(f"   {'expected':<28}{truth.expected:>12,.0f} EUR  (95 % of the time {low:,.0f} to {high:,.0f})")
    output.say(f"   {'came back within 30 days':<28}{truth.came_back:>12,.0f} EUR")
    for name, value in truth.by_other_order.items():
        output.say(f"   {name:<28}{value:>12,.0f} EUR")
    output.say(f"   {'the best possible':<28}{truth.best_possible:>12,.0f} EUR")
    if truth.contacts_by_amount is not None:
        output.say(f"   the largest amount first brings as much with {truth.contacts_by_amount:,} contacts")
