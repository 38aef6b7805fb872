"""payrec demo: the whole job on made data, start to ranked list and report."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from payrec.cli import output
from payrec.cli.action import chosen_policy, chosen_rows, show_summary, summary
from payrec.cli.model import learning, report_files, show_figures
from payrec.cli.night import night_of
from payrec.cli.options import Database, Json, configured


def demo(
    orders: Annotated[int, typer.Option("--orders", min=2_000, help="How many orders to make.")] = 50_000,
    capacity: Annotated[int, typer.Option("--capacity", min=1, metavar="K", help="How many contacts.")] = 200,
    url: Database = None,
    as_json: Json = False,
) -> None:
    """Do the whole job on made data: from files to the ranked list and the report; a second time only what is new."""
    from payrec.commands import demo as made
    from payrec.publish import export

    settings = configured()
    folder = settings.out_dir / "demo"
    how = night_of(settings, url, chosen_policy(settings, None, capacity), None, 0.0)
    with output.steps(as_json) as step:
        done = made.run(folder, orders, learning(settings, "auto", None, None), how, step)
    ranked = done.report.ranked
    run = done.report.published.run
    out = folder / "worklist.csv"
    export.write(chosen_rows(ranked), out, run.stamp)
    page, _ = report_files(settings, "champion", folder / "report.html")
    compared = made.truth(ranked, folder, capacity, settings.seed)
    document = summary(ranked, run) | {
        "rows": done.rows,
        "truth": made.plain(compared),
        "files": {"worklist": out, "report": page, "published": settings.published_dir},
    }
    output.emit(document, as_json, lambda: _render(done, document, compared, ranked))


def _render(done: Any, document: dict[str, Any], compared: Any, ranked: Any) -> None:
    rows = done.rows
    output.say(
        f"1  data      {rows['raw_transactions']:,} orders and {rows['raw_events']:,} events, made, up to the last day"
    )
    trained = done.trained
    output.say(f"2  model     {document['model_id']}{', trained and tested now' if trained else ', as trained before'}")
    if trained:
        show_figures(trained.backtest.to_dict())
    output.say(f"3  list      {'as published before' if done.report.already_done else 'published now'}")
    show_summary(document)
    output.say()
    show_first(ranked, 5)
    if compared is not None:
        output.say()
        _compare(compared)
    output.say()
    output.say("4  files")
    for name, path in document["files"].items():
        output.say(f"   {name:<10}{path}")
    output.say("next: make app, or payrec explain ORDER_ID, or payrec --help")


def show_first(ranked: Any, k: int) -> None:
    """Print the first ``k`` of a ranked list."""
    first = ranked.filter(ranked["rank"].is_valid()).slice(0, k).to_pylist()
    output.table(
        ["rank", "order", "outstanding", "", "age", "chance", "expected", "first reason"],
        [
            (
                r["rank"], r["order_id"], f"{r['outstanding']:,.2f}", r["currency"], f"{r['age_days']} d",
                f"{r['p_recover_30d']:.0%}", f"{r['ev_recovered']:,.2f}", r["reason_1"],
            )
            for r in first
        ],
    )  # fmt: skip


def _compare(found: Any) -> None:
    output.say(f"what then happened (these data know their future): {found.contacted} contacts in this order")
    low, high = found.interval
    output.say(f"   {'expected':<28}{found.expected:>12,.0f} EUR  (95 % of the time {low:,.0f} to {high:,.0f})")
    output.say(f"   {'came back within 30 days':<28}{found.came_back:>12,.0f} EUR")
    for name, value in found.by_other_order.items():
        output.say(f"   {name:<28}{value:>12,.0f} EUR")
    output.say(f"   {'the best possible':<28}{found.best_possible:>12,.0f} EUR")
