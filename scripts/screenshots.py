"""Remake the pictures of the web app in docs/images, in a real browser on simulated data: ``screenshots.py [FOLDER]``.

FOLDER is a working directory that has a model and published lists; without it one is made by the commands.
"""

from __future__ import annotations

import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import BrowserContext, Page, sync_playwright

from payrec.commands import app as web

ROOT = Path(__file__).resolve().parent.parent
IMAGES = ROOT / "docs" / "images"
PAYREC = Path(sys.executable).with_name("payrec")
NIGHTS = ("2026-04-27", "2026-05-04", "2026-05-11", "2026-05-18", "2026-05-25", "2026-06-15", "2026-06-30")
PATIENCE_MS = 240_000
WIDTH, LEAST_HEIGHT, MOST_HEIGHT = 1360, 820, 1700
FLAGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-dev-shm-usage",
]
SETTLED = "[data-testid=stApp][data-test-script-state=notRunning]"


def filled(folder: Path) -> None:
    """Make a working directory as a user would: data, a model, seven nights."""

    def command(*words: str) -> None:
        done = subprocess.run([PAYREC, *words, "--json"], cwd=folder, capture_output=True, text=True, check=False)
        if done.returncode not in (0, 1):  # 1: monitoring has something to say
            sys.exit(done.stderr)

    command("simulate", "--orders", "30000", "--out", "made")
    command("load", "transactions", "made/transactions.csv")
    command("load", "events", "made/events.csv")
    command("train", "--recipe", "logistic")
    for night in NIGHTS:
        command("run", "--as-of", night)


@contextmanager
def served(folder: Path, script: Path | None = None) -> Iterator[tuple[str, int]]:
    """Run the app, or another script, in ``folder`` as the command does; gives its address and its process."""
    with socket.socket() as asked:
        asked.bind(("127.0.0.1", 0))
        port = asked.getsockname()[1]
    command = web.server_command(port)
    if script is not None:
        command[command.index("run") + 1] = str(script)
    running = subprocess.Popen(command, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    address = f"http://127.0.0.1:{port}"
    try:
        for _ in range(120):
            try:
                urllib.request.urlopen(f"{address}/_stcore/health", timeout=2).close()
                break
            except OSError:
                time.sleep(0.5)
        yield address, running.pid
    finally:
        running.terminate()
        running.wait(timeout=30)


def settle(page: Page) -> None:
    """Wait until the page and its charts stand still."""
    page.wait_for_timeout(400)
    page.wait_for_selector(SETTLED, timeout=PATIENCE_MS)
    page.wait_for_function("document.querySelectorAll('[data-testid=stSkeleton]').length === 0", timeout=PATIENCE_MS)
    page.wait_for_timeout(1200)


def score_sample(page: Page) -> None:
    """Upload the sample file and score it."""
    page.get_by_role("button", name="Try the sample file").click()
    settle(page)
    page.get_by_role("button", name="Score", exact=True).click()
    page.get_by_role("heading", name="Ranked list").wait_for(timeout=PATIENCE_MS)


def open_first(page: Page) -> None:
    """Open the order that stands first."""
    page.get_by_test_id("stMain").get_by_role("button").first.click()


def work_the_list(page: Page) -> None:
    """Record two outcomes by keys, unfold a customer, open a form."""
    for key in ("c", "1", "c", "3", "j", "o", "p"):
        page.keyboard.press(key)
        page.wait_for_timeout(200)


def open_customer(page: Page) -> None:
    """Open a customer with several orders from the worklist."""
    page.goto(page.url.removesuffix("customer"))
    settle(page)
    page.locator("li.row", has_text="not\u00a0contacted").first.locator("a.who").click()
    page.get_by_role("heading", name="What happened").wait_for(timeout=PATIENCE_MS)


def picture(context: BrowserContext, address: str, name: str, look: str, then: Callable[[Page], None] | None) -> None:
    """Take the picture of one page in one look."""
    path = {
        "worklist": "",
        "score": "score",
        "not-contacted": "?part=Not+contacted",
        "capacity": "?by=Orders&part=What+capacity+brings",
        "months": "?part=Billing+months",
    }
    page = context.new_page()
    page.set_default_timeout(PATIENCE_MS)
    page.emulate_media(color_scheme="dark" if look == "dark" else "light")
    page.goto(f"{address}/{path.get(name, name)}")
    settle(page)
    if then is not None:
        then(page)
        settle(page)
    tall = page.evaluate("document.querySelector('[data-testid=stMain]').scrollHeight")
    page.set_viewport_size({"width": WIDTH, "height": min(max(tall, LEAST_HEIGHT), MOST_HEIGHT)})
    settle(page)
    page.mouse.move(0, 0)
    page.evaluate("document.querySelector('[data-testid=stMain]').scrollTo(0, 0)")
    page.screenshot(path=IMAGES / f"app-{name}{'-dark' if look == 'dark' else ''}.png")
    page.close()


def main(folder: Path) -> None:
    """Take all pictures."""
    IMAGES.mkdir(parents=True, exist_ok=True)
    pages: dict[str, Callable[[Page], None] | None] = {
        "worklist": work_the_list, "capacity": None, "months": None, "not-contacted": None, "score": score_sample,
        "customer": open_customer, "order": open_first, "team": None, "forecast": None, "brings": None,
        "model": None, "health": None, "connect": None,
    }  # fmt: skip
    if not (folder / "data").exists():
        shutil.copytree(ROOT / "data", folder / "data")
    with served(folder) as (address, _), sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=FLAGS)
        context = browser.new_context(viewport={"width": WIDTH, "height": LEAST_HEIGHT})
        for name, then in pages.items():
            picture(context, address, name, "light", then)
        for name in ("capacity", "health", "forecast"):
            picture(context, address, name, "dark", None)
        picture(context, address, "customer", "dark", open_customer)
        picture(context, address, "worklist", "dark", work_the_list)
        picture(context, address, "order", "dark", open_first)
        browser.close()
    print(f"screenshots: {len(list(IMAGES.glob('app-*.png')))} pictures in {IMAGES.relative_to(ROOT)}")


if __name__ == "__main__":
    if len(sys.argv) > 1:
        main(Path(sys.argv[1]).resolve())
    else:
        with tempfile.TemporaryDirectory(prefix="payrec-screenshots-") as made:
            filled(Path(made))
            main(Path(made))
