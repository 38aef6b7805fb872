"""The web app at half a million open orders, in a real browser: ``python -m benchmarks.app [--json FILE]``.

Prints how long the first page (of a browser that was never there, and of one that was) and a move of the slider take, in
seconds and in CPU seconds of the server and of the browser, and what a session adds to the server's memory; for
comparison an empty page of Streamlit, the least that any app takes. All orders of the list are ranked, which is the
dearest case. Seconds depend on other users of the machine: its load is printed.
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
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import duckdb
from playwright.sync_api import Browser, Page, sync_playwright
from scripts import screenshots

from benchmarks.measure import tree_cpu_s, tree_resident_mb
from payrec.publish.store import open_store

MARKS = {"first_page": 3.0, "next_page": 3.0, "slider": 0.5}
"""Seconds under which each step should stay: a browser's first visit, its next one, a move of the slider."""
VISITS, MOVES = 3, 8
GROW = """
    SELECT few.* REPLACE (
        few.order_id || '-' || copy AS order_id,
        ROW_NUMBER() OVER (ORDER BY few.rank, copy) AS rank,
        (ROW_NUMBER() OVER (ORDER BY few.rank, copy) <= 2000)::SMALLINT AS priority_flag)
    FROM few, range(CEIL($orders / (SELECT COUNT(*) FROM few))::BIGINT) AS t(copy)
    ORDER BY few.rank, copy LIMIT $orders"""


def grown(folder: Path, orders: int) -> None:
    """Publish a list of ``orders`` ranked orders in ``folder``: the served one, its rows many times over."""
    store = open_store(folder / "out" / "published")
    served = store.current()
    assert served is not None
    few, months = store.scores(served.run.run_id), store.detail(served.run.run_id, "months")
    few = few.filter(few["rank"].is_valid())
    with duckdb.connect() as engine:
        engine.register("few", few)
        many = engine.sql(GROW, params={"orders": orders}).to_arrow_table().cast(few.schema)
    run = replace(served.run, run_id=f"bench-{orders}")
    store.commit(run, many, details={"months": lambda: iter(months.to_batches() if months else ())})


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


def stands_still(page: Page, has: str = "stDataFrame") -> None:
    """Wait until the page has its table, and nothing runs any more."""
    page.get_by_test_id(has).first.wait_for(timeout=120_000)
    page.locator(screenshots.SETTLED).wait_for(timeout=120_000)
    page.wait_for_function("document.querySelectorAll('[data-testid=stSkeleton]').length === 0", timeout=120_000)


def opened(browser: Browser, address: str, has: str = "stDataFrame") -> Page:
    """Open the worklist in a session of its own, without anything in the browser's cache."""
    page = browser.new_context(viewport={"width": 1400, "height": 900}).new_page()
    page.goto(address)
    stands_still(page, has)
    return page


def moved(page: Page) -> None:
    """Move the slider by one, and wait until the figures have changed."""
    to_work = "document.querySelectorAll('[data-testid=stMetricValue]')[1].innerText"
    before = page.evaluate(to_work)
    page.keyboard.press("ArrowRight")
    page.wait_for_function(f"before => {to_work} !== before", arg=before, timeout=60_000)
    stands_still(page)


def empty(folder: Path, browser: Browser) -> list[Step]:
    """Open a page of Streamlit with nothing but a title, some times: what no app can go below."""
    script, steps = folder / "empty.py", list[Step]()
    script.write_text('import streamlit\n\nstreamlit.title("empty")\n')
    with screenshots.served(folder, script) as (address, server):
        opened(browser, address, "stHeading").context.close()
        for _ in range(VISITS):
            with step(server, steps):
                page = opened(browser, address, "stHeading")
            page.context.close()
    return steps


def measured(folder: Path, sessions: int) -> dict[str, Any]:
    """Open the sessions one after the other, all of them staying open, and move the slider of the last."""
    first: list[Step] = []
    again: list[Step] = []
    slider: list[Step] = []
    with screenshots.served(folder) as (address, server), sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=screenshots.FLAGS)
        empty_page = empty(folder, browser)
        opened(browser, address)  # warm: what all sessions share is read
        memory = [tree_resident_mb(server)]
        for _ in range(sessions):
            with step(server, first):
                page = opened(browser, address)
            memory.append(tree_resident_mb(server))
        for _ in range(VISITS):
            with step(server, again):
                page.goto(address)
                stands_still(page)
        page.get_by_role("slider").focus()
        for _ in range(MOVES):
            with step(server, slider):
                moved(page)
        browser.close()
    return {
        "sessions": sessions,
        "empty_page": _figures(empty_page),
        "first_page": _figures(first),
        "next_page": _figures(again),
        "slider": _figures(slider),
        "server_mb": {"first": memory[0], "last": memory[-1], "a_session": (memory[-1] - memory[0]) / sessions},
    }


def _figures(steps: list[Step]) -> dict[str, float]:
    return {
        "wall_s": statistics.median(one.wall_s for one in steps),
        "wall_s_worst": max(one.wall_s for one in steps),
        "server_cpu_s": statistics.median(one.server_cpu_s for one in steps),
        "browser_cpu_s": statistics.median(one.browser_cpu_s for one in steps),
    }


def summary(figures: dict[str, Any]) -> str:
    """The figures as lines of text."""
    load = os.getloadavg()[0]
    lines = [
        f"{figures['orders']:,} open orders, {figures['sessions']} sessions; {os.cpu_count()} cores, load {load:.1f}"
    ]
    for name in ("empty_page", *MARKS):
        one, mark = figures[name], MARKS.get(name)
        verdict = f"; under {mark} s: {'reached' if one['wall_s'] < mark else 'MISSED'}" if mark else ""
        lines.append(
            f"{name:<11} {one['wall_s']:.2f} s (worst {one['wall_s_worst']:.2f}), server {one['server_cpu_s']:.2f} and "
            f"browser {one['browser_cpu_s']:.2f} CPU s{verdict}"
        )
    memory = figures["server_mb"]
    lines.append(f"server      {memory['first']:.0f} MB with one session, {memory['a_session']:+.1f} MB for each more")
    return "\n".join(lines)


def main() -> int:
    """Measure; 1 if a mark is missed."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.app", description=__doc__)
    parser.add_argument("--open-orders", type=int, default=500_000)
    parser.add_argument("--sessions", type=int, default=20)
    parser.add_argument("--folder", type=Path, help="a working directory with a model and a published list, to copy")
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
        figures = {"orders": options.open_orders, **measured(folder, options.sessions)}
    print(summary(figures))
    if options.json:
        options.json.write_text(json.dumps(figures, indent=1) + "\n")
    return 0 if all(figures[name]["wall_s"] < mark for name, mark in MARKS.items()) else 1


if __name__ == "__main__":
    sys.exit(main())
