"""The web app at half a million open orders, in a real browser: ``python -m benchmarks.app [--json FILE]``.

Prints what each step of a person on the worklist takes, in seconds and in CPU seconds of the server and of the browser:
the first page (of a browser that was never there, and of one that was), another capacity, a search, unfolding a
customer, marking one; how long until a second session sees a mark; what an open page costs the server while nobody
does anything; and what a session adds to the server's memory. For comparison an empty page of Streamlit, the least that
any app takes. All orders of the list are ranked, which is the dearest case. Seconds depend on other users of the
machine: its load is printed. ``--queries`` measures the queries of the list alone.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
from playwright.sync_api import Browser, Page, sync_playwright
from scripts import screenshots

from benchmarks.measure import tree_cpu_s, tree_resident_mb
from payrec.app import customer_query, list_query
from payrec.app.customer_index import CustomerList
from payrec.app.customer_query import CustomerView
from payrec.app.list_query import View
from payrec.publish.folder_store import FolderStore
from payrec.publish.lists import Publication
from payrec.publish.store import open_store

MARKS = {"first_page": 3.0, "next_page": 3.0, "capacity": 0.5, "search": 0.5, "unfold": 0.5, "mark": 0.5, "seen": 2.0}
"""Seconds under which each step should stay."""
SERVER_CPU_S, SESSION_MB = 0.1, 2.0
ON_PAGE = ("capacity", "search", "unfold", "mark")
"""Marks of the server for a step on the page, and of its memory for a session."""
VISITS, MOVES, IDLE_S, WAIT_MS = 3, 4, 10, 60_000
ROW = "li.row"
GROW = """
    SELECT few.* REPLACE (
        few.customer_id || '-' || copy AS customer_id,
        {columns},
        ((few.rank - 1) * $copies + copy < 2000)::SMALLINT AS priority_flag)
    FROM few, range($copies) AS t(copy)
    ORDER BY few.rank, copy"""
NUMBERS = ("rank", "customer_rank", "contact_no")
"""Columns that count: each copy of a row has a number of its own, the same in orders and customers."""


def grown(folder: Path, orders: int) -> None:
    """Publish a list of ``orders`` ranked orders in ``folder``: the served one, its rows many times over."""
    store = open_store(folder / "out" / "published")
    served = store.current()
    assert served is not None
    few, months, customers = store.scores(served.run.run_id), *(
        store.detail(served.run.run_id, name) for name in ("months", "customers")
    )  # fmt: skip
    assert customers is not None
    few, customers = (rows.filter(rows["rank"].is_valid()) for rows in (few, customers))
    copies = -(-orders // few.num_rows)
    many = _copies(few, "order_id", copies).slice(0, orders)
    by_customer = _copies(customers, "top_order_id", copies)
    details = {
        "months": lambda: iter(months.to_batches() if months else ()),
        "customers": lambda: iter(by_customer.to_batches()),
    }
    store.commit(Publication(replace(served.run, run_id=f"bench-{orders}"), many, details, serve=True))


def _copies(few: pa.Table, order_id: str, copies: int) -> pa.Table:
    """Return each row ``copies`` times with ids and numbers of its own, best first."""
    columns = [f"few.{order_id} || '-' || copy AS {order_id}"]
    columns += [f"(few.{name} - 1) * $copies + copy + 1 AS {name}" for name in NUMBERS if name in few.column_names]
    with duckdb.connect() as engine:
        engine.register("few", few)
        sql = GROW.format(columns=", ".join(columns))
        rows: pa.Table = engine.sql(sql, params={"copies": copies}).to_arrow_table().cast(few.schema)
    return rows


@dataclass(frozen=True)
class Step:
    """What a step of a session took: until it stood still, and CPU seconds of the server and of the browser."""

    wall_s: float
    server_cpu_s: float
    browser_cpu_s: float


@contextmanager
def step(server: int, into: list[Step]) -> Iterator[None]:
    """Add what the block takes."""
    at, of_server, of_all = time.perf_counter(), tree_cpu_s(server), tree_cpu_s(os.getpid())
    yield
    wall, of_server, of_all = time.perf_counter() - at, tree_cpu_s(server) - of_server, tree_cpu_s(os.getpid()) - of_all
    into.append(Step(wall, of_server, of_all - of_server))


def stands_still(page: Page, has: str = ROW) -> None:
    """Wait until the page has what it is for, and nothing is missing."""
    page.locator(has).first.wait_for(timeout=WAIT_MS)
    page.wait_for_function("document.querySelectorAll('[data-testid=stSkeleton]').length === 0", timeout=WAIT_MS)


def opened(browser: Browser, address: str, has: str = ROW) -> Page:
    """Open the worklist in a session of its own, without anything in the browser's cache."""
    page = browser.new_context(viewport={"width": 1400, "height": 900}).new_page()
    page.set_default_timeout(WAIT_MS)
    page.goto(address)
    stands_still(page, has)
    return page


@contextmanager
def changes(page: Page, figure: str) -> Iterator[None]:
    """Wait, after the block, until a key figure of the page has changed."""
    text = (
        "label => [...document.querySelectorAll('[data-testid=stMetric]')].find(one => "
        "one.innerText.startsWith(label)).querySelector('[data-testid=stMetricValue]').innerText"
    )
    before = page.evaluate(text, figure)
    yield
    wait = f"([label, before]) => ({text})(label) !== before"
    page.wait_for_function(wait, arg=[figure, before], timeout=WAIT_MS, polling=20)


def raised(page: Page) -> None:
    """Set the capacity to one more."""
    with changes(page, "To do"):
        page.get_by_test_id("stNumberInputField").first.press("ArrowUp")


def searched(page: Page) -> None:
    """Search for a hundred copies of a customer, then for nothing: fewer than the capacity, so that the figure moves."""
    with changes(page, "To do"):
        field = page.get_by_role("textbox", name="Search")
        first = page.locator("a.who").first.inner_text().partition("-")[0]
        field.fill("" if field.input_value() else f"{first}-1")
        field.press("Enter")


def unfolded(page: Page) -> None:
    """Unfold the next customer."""
    count = page.locator("ul.orders").count()
    page.keyboard.press("j")
    page.keyboard.press("o")
    page.locator("ul.orders").nth(count).wait_for()


def marked(page: Page) -> None:
    """Mark a customer as contacted."""
    with changes(page, "Done"):
        page.keyboard.press("c")
        page.keyboard.press("1")


def empty(folder: Path, browser: Browser) -> list[Step]:
    """Open a page of Streamlit with nothing but a title, some times: what no app can go below."""
    script, steps = folder / "empty.py", list[Step]()
    script.write_text('import streamlit\n\nstreamlit.title("empty")\n')
    with screenshots.served(folder, script) as (address, server):
        opened(browser, address, "[data-testid=stHeading]").context.close()
        for _ in range(VISITS):
            with step(server, steps):
                page = opened(browser, address, "[data-testid=stHeading]")
            page.context.close()
    return steps


def measured(folder: Path, sessions: int) -> dict[str, Any]:
    """Work in one page, look on from a second; at last open sessions that stay open, for their memory."""
    steps: dict[str, list[Step]] = {name: [] for name in MARKS}
    with screenshots.served(folder) as (address, server), sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=screenshots.FLAGS)
        empty_page = empty(folder, browser)
        page = opened(browser, address)  # warm: what all sessions share is read
        for _ in range(VISITS):
            page.context.close()  # an open page asks for marks again and again: its cost is measured by itself
            with step(server, steps["first_page"]):
                page = opened(browser, address)
        for _ in range(VISITS):
            with step(server, steps["next_page"]):
                page.goto(address)
                stands_still(page)
        idle = _idle_cpu_s(server)
        for name in ("first_page", "next_page"):
            print(name, _figures(steps[name]), file=sys.stderr, flush=True)
        page.locator(ROW).first.click(position={"x": 400, "y": 40})
        for name, act in (("unfold", unfolded), ("mark", marked), ("capacity", raised), ("search", searched)):
            for _ in range(MOVES):
                with step(server, steps[name]):
                    act(page)
            print(name, _figures(steps[name], idle), file=sys.stderr, flush=True)
        page.locator(ROW).first.click(position={"x": 400, "y": 40})
        other = opened(browser, address)
        for _ in range(MOVES):
            with step(server, steps["seen"]), changes(other, "Done"):
                page.keyboard.press("c")
                page.keyboard.press("1")
        print("seen", _figures(steps["seen"]), file=sys.stderr, flush=True)
        page.context.close()
        memory = [tree_resident_mb(server)]
        others = [opened(browser, address) for _ in range(sessions)]
        memory.append(tree_resident_mb(server))
        for one in others:
            one.context.close()
        browser.close()
    return {
        "sessions": sessions,
        "empty_page": _figures(empty_page),
        **{name: _figures(of, idle) for name, of in steps.items()},
        "idle_server_cpu_s": idle,
        "server_mb": {"first": memory[0], "last": memory[-1], "a_session": (memory[-1] - memory[0]) / sessions},
    }


def _idle_cpu_s(server: int) -> float:
    before = tree_cpu_s(server)
    time.sleep(IDLE_S)
    return (tree_cpu_s(server) - before) / IDLE_S


def _figures(steps: list[Step], idle_cpu_s: float = 0.0) -> dict[str, float]:
    """Return medians; of the server without what an open page costs in the same time anyway."""
    return {
        "wall_s": statistics.median(one.wall_s for one in steps),
        "wall_s_worst": max(one.wall_s for one in steps),
        "server_cpu_s": max(statistics.median(one.server_cpu_s - idle_cpu_s * one.wall_s for one in steps), 0.0),
        "browser_cpu_s": statistics.median(one.browser_cpu_s for one in steps),
    }


def queries(folder: Path) -> str:
    """Measure the queries of the list by customer without a browser: CPU seconds, the median of some."""
    store = FolderStore(folder / "out" / "published")
    served = store.current()
    assert served is not None
    run_id = served.run.run_id
    files = CustomerList(store.detail_file(run_id, "customers"), store.scores_file(run_id))
    choices = customer_query.choices(files, list_query.choices(files.orders))
    whole = View(choices.prioritised)
    name = customer_query.orders_of(files.orders, (), [1])[0]["customer_id"]
    views = {
        "the list": whole,
        "a search for one customer": replace(whole, find=name),
        "a search that all match": replace(whole, find="-"),
        "a country": replace(whole, country=choices.values["country"][:1]),
    }
    lines = [f"{choices.ranked:,} ranked customers; load {os.getloadavg()[0]:.0f} on {os.cpu_count()} cores"]
    for title, one in views.items():
        view = CustomerView(one, choices.last_flagged)
        first = _cpu_s(lambda view=view: customer_query.totals(files, view))
        steps = {
            "sums": lambda view=view: customer_query.totals(files, view),
            "a page": lambda view=view: customer_query.page(files, view, "to_do", "Rank"),
            "expected": lambda view=view: customer_query.chosen_values(files, view),
        }
        costs = {name: statistics.median(_cpu_s(act) for _ in range(VISITS)) for name, act in steps.items()}
        lines.append(
            f"{title}: {first:.2f} at first; " + ", ".join(f"{name} {cost:.2f}" for name, cost in costs.items())
        )
    return "\n".join(lines)


def _cpu_s(act: Callable[[], object]) -> float:
    before = time.process_time()
    act()
    return time.process_time() - before


def summary(figures: dict[str, Any]) -> str:
    """The figures as lines of text."""
    load = os.getloadavg()[0]
    lines = [
        f"{figures['orders']:,} open orders, {figures['sessions']} sessions; {os.cpu_count()} cores, load {load:.1f}"
    ]
    for name in ("empty_page", *MARKS):
        one, mark = figures[name], MARKS.get(name)
        verdict = f"; under {mark:g} s: {'reached' if one['wall_s'] < mark else 'MISSED'}" if mark else ""
        if name in ON_PAGE:
            verdict += f"; server under {SERVER_CPU_S} s: "
            verdict += "reached" if one["server_cpu_s"] < SERVER_CPU_S else "MISSED"
        lines.append(
            f"{name:<11} {one['wall_s']:.2f} s (worst {one['wall_s_worst']:.2f}), server {one['server_cpu_s']:.2f} and "
            f"browser {one['browser_cpu_s']:.2f} CPU s{verdict}"
        )
    memory = figures["server_mb"]
    lines.append(f"idle        {figures['idle_server_cpu_s']:.3f} CPU s of the server a second for an open page")
    lines.append(f"server      {memory['first']:.0f} MB with one session, {memory['a_session']:+.1f} MB for each more")
    return "\n".join(lines)


def main() -> int:
    """Measure; 1 if a mark is missed."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.app", description=__doc__)
    parser.add_argument("--open-orders", type=int, default=500_000)
    parser.add_argument("--sessions", type=int, default=5)
    parser.add_argument("--folder", type=Path, help="a working directory with a model and a published list, to copy")
    parser.add_argument("--queries", action="store_true", help="the queries of the list alone, without a browser")
    parser.add_argument("--json", type=Path, help="also write the figures here")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="payrec-bench-app-") as scratch:
        folder = Path(scratch)
        if options.folder:
            for name in ("models", "out"):
                shutil.copytree(options.folder / name, folder / name)
        else:
            screenshots.filled(folder)
        grown(folder, options.open_orders)
        if options.queries:
            print(queries(folder))
            return 0
        figures = {"orders": options.open_orders, **measured(folder, options.sessions)}
    print(summary(figures))
    if options.json:
        options.json.write_text(json.dumps(figures, indent=1) + "\n")
    return 0 if all(figures[name]["wall_s"] < mark for name, mark in MARKS.items()) else 1


if __name__ == "__main__":
    sys.exit(main())
