"""The first list of a person who has only Stripe's payments export, in the browser: ``python -m benchmarks.app_first_list``.

An empty folder: no data, no model, no list. The person opens *Score a file*, gives the export of 28,000 charges, and
clicks *Score*. Prints seconds and CPU seconds until the ranked orders stand there, and how often the person clicked and
typed. The whole measurement ends after ``LIMIT_S``, whatever hangs.
"""

from __future__ import annotations

import shutil
import signal
import sys
import tempfile
from pathlib import Path

from playwright.sync_api import Page, sync_playwright
from scripts import screenshots

from benchmarks import loading
from benchmarks.app import Step, step

MARK_S, LIMIT_S, WAIT_MS = 120, 600, 240_000
COUNT = (
    "window.acts = {click: 0, keydown: 0};"
    "for (const act in acts) addEventListener(act, event => { if (event.isTrusted) acts[act] += 1 }, true)"
)


def first_list(page: Page, address: str, export: Path) -> str:
    """Do what the person does; return the key figure of the orders to work."""
    page.goto(f"{address}/score")
    chooser = page.get_by_test_id("stFileUploaderDropzoneInput")
    chooser.wait_for(state="attached")
    page.evaluate(COUNT)
    chooser.set_input_files(export)
    page.get_by_text("This is").first.wait_for()
    page.get_by_role("button", name="Score", exact=True).click()
    page.get_by_role("heading", name="Ranked list").wait_for()
    page.get_by_test_id("stDataFrame").first.wait_for()
    figure = page.get_by_test_id("stMetric").filter(has_text="Orders to work").get_by_test_id("stMetricValue")
    return figure.inner_text()


def main() -> int:
    """Measure; 1 if it takes two minutes, or typing."""
    signal.signal(signal.SIGALRM, lambda *_: sys.exit(f"not done after {LIMIT_S} s"))
    signal.alarm(LIMIT_S)
    steps: list[Step] = []
    with tempfile.TemporaryDirectory(prefix="payrec-bench-first-") as scratch, sync_playwright() as playwright:
        export, home = loading.stripe_payments(Path(scratch) / "export"), Path(scratch) / "home"
        home.mkdir()
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=screenshots.FLAGS)
        page = browser.new_page(viewport={"width": 1400, "height": 900})
        page.set_default_timeout(WAIT_MS)
        with screenshots.served(home) as (address, server):
            with step(server, steps):
                listed = first_list(page, address, export)
            acts = page.evaluate("acts")
        browser.close()
    (took,) = steps
    is_reached = took.wall_s < MARK_S and not acts["keydown"]
    print(
        f"{loading.CHARGES:,} charges, {listed} orders to work: {took.wall_s:.0f} s, server {took.server_cpu_s:.1f} and "
        f"browser {took.browser_cpu_s:.1f} CPU s; {acts['click']} clicks after the file, {acts['keydown']} keys; "
        f"under {MARK_S} s without typing: {'reached' if is_reached else 'MISSED'}"
    )
    return 0 if is_reached else 1


if __name__ == "__main__":
    sys.exit(main())
