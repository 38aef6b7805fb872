"""What only a real browser shows: uploads and downloads, links, keyboard, dark pages, and that nothing leaves."""

from __future__ import annotations

import csv
import re
import shutil
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from uuid import UUID

import openpyxl
import pytest
from playwright.sync_api import (
    Browser,
    BrowserContext,
    ConsoleMessage,
    Error,
    Locator,
    Page,
    Request,
    Response,
    expect,
    sync_playwright,
)

from payrec.app import work_table
from payrec.commands import app as web
from payrec.publish import actions
from payrec.publish.store import open_store
from tests.app.conftest import NIGHTS, command
from tests.cases.test_sources import (
    CHARGEBEE,
    CHARGEBEE_ROWS,
    QUICKBOOKS,
    QUICKBOOKS_ROWS,
    STRIPE,
    STRIPE_ROWS,
    XERO,
    XERO_ROWS,
)

FLAGS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
    "--disable-dev-shm-usage",  # a small /dev/shm crashes tabs on a busy machine
)  # fmt: skip
WAIT_MS = 60_000
# Streamlit asks for its own address below that of a page first, and finds it at the root
PROBES = re.compile(r"/\w+/_stcore/(health|host-config)$")
PAGES = {
    "": "Worklist",
    "score": "Score a file",
    "customer": "Customer",
    "order": "Order",
    "team": "Team",
    "forecast": "Forecast",
    "brings": "What the list brings",
    "model": "Model",
    "health": "Health",
    "connect": "Connect",
}


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def running(folder: Path) -> Iterator[str]:
    """Run the app in a folder as the command does; gives its address."""
    port = free_port()
    started = subprocess.Popen(
        web.server_command(port),
        cwd=folder,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    address = f"http://127.0.0.1:{port}"
    try:
        for _ in range(240):
            try:
                with urllib.request.urlopen(f"{address}/_stcore/health", timeout=2):
                    break
            except OSError:
                assert started.poll() is None, "the server has ended"
                time.sleep(0.25)
        yield address
    finally:
        started.terminate()
        started.wait(timeout=30)


@pytest.fixture(scope="module")
def server(filled: Path) -> Iterator[str]:
    """Address of the app on the filled directory."""
    with running(filled) as address:
        yield address


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        installed = shutil.which("chromium") or shutil.which("chromium-browser")
        try:
            opened = playwright.chromium.launch(executable_path=installed, args=list(FLAGS))
        except Error:  # a busy machine: the start of the browser, not a test, is tried again once
            opened = playwright.chromium.launch(executable_path=installed, args=list(FLAGS))
        yield opened
        opened.close()


@dataclass
class Watched:
    """A page of a context, and what it did that it should not."""

    context: BrowserContext
    address: str
    wrong: list[str] = field(default_factory=list)
    has_crashed: bool = False

    def __post_init__(self) -> None:
        self.renew()

    def renew(self) -> None:
        """Take a new page; one that crashed cannot be used again."""
        self.has_crashed = False
        self.page = self.context.new_page()
        self.page.set_default_timeout(WAIT_MS)
        self.page.on("crash", self._on_crash)
        self.page.on("request", self._requested)
        self.page.on("response", self._answered)
        self.page.on("console", self._logged)
        self.page.on("pageerror", lambda error: self.wrong.append(str(error)))

    def crashed(self) -> bool:
        """Return whether the tab crashed; its event may come a little after the error."""
        if not self.has_crashed:
            with suppress(Error):
                self.page.wait_for_event("crash", timeout=5_000)
        return self.has_crashed

    def _on_crash(self, page: Page) -> None:
        self.has_crashed = self.has_crashed or page is self.page

    def _requested(self, request: Request) -> None:
        own = (self.address, "data:", "blob:", self.address.replace("http", "ws"))
        if not request.url.startswith(own):
            self.wrong.append(f"left: {request.url}")

    def _answered(self, response: Response) -> None:
        if response.status >= 400 and not PROBES.search(response.url):
            self.wrong.append(f"{response.status} {response.url}")

    def _logged(self, line: ConsoleMessage) -> None:
        if line.type == "error" and "404 (Not Found)" not in line.text:
            self.wrong.append(line.text)

    def open(self, path: str = "") -> Page:
        self.page.goto(f"{self.address}/{path}")
        return self.settled()

    def settled(self) -> Page:
        self.page.wait_for_timeout(300)  # until the browser has told the server what was done
        self.page.locator("[data-testid=stApp][data-test-script-state=notRunning]").wait_for(timeout=WAIT_MS)
        expect(self.page.get_by_test_id("stSkeleton")).to_have_count(0, timeout=WAIT_MS)
        expect(self.page.get_by_test_id("stException")).to_have_count(0)
        return self.page

    def number(self, label: str) -> Locator:
        """Return the number field of a label."""
        return self.page.get_by_test_id("stNumberInput").filter(has_text=label).get_by_test_id("stNumberInputField")

    def figure(self, label: str) -> str:
        found = self.page.get_by_test_id("stMetric").filter(has_text=label)
        return found.get_by_test_id("stMetricValue").inner_text()


@pytest.fixture(scope="module")
def context(browser: Browser) -> Iterator[BrowserContext]:
    """One cache for all pages, since most of a first page is reading Streamlit's scripts; each page is a session."""
    context = browser.new_context(color_scheme="light", viewport={"width": 1400, "height": 1000}, accept_downloads=True)
    yield context
    context.close()


@pytest.fixture
def watched(context: BrowserContext, server: str) -> Iterator[Watched]:
    """A page of a fresh session; after the test, nothing may have left the machine and no error been logged."""
    watched = Watched(context, server)
    yield watched
    watched.page.close()
    assert watched.wrong == []


def test_every_page_opens_without_an_error_or_a_request_outside(watched: Watched) -> None:
    for path, title in PAGES.items():
        page = watched.open(path)
        expect(page.get_by_role("heading", name=title, exact=True).first).to_be_visible()


def test_a_dark_page_is_dark_with_light_text_and_charts(watched: Watched) -> None:
    watched.page.emulate_media(color_scheme="dark")
    page = watched.open("health")
    color = page.evaluate("getComputedStyle(document.querySelector('[data-testid=stApp]')).backgroundColor")
    assert max(int(part) for part in re.findall(r"\d+", color)[:3]) < 60
    text = page.evaluate("getComputedStyle(document.querySelector('h1')).color")
    assert min(int(part) for part in re.findall(r"\d+", text)[:3]) > 180


def test_a_link_reproduces_the_view(watched: Watched) -> None:
    watched.open("?by=Orders&k=9&age=0-7")
    assert watched.figure("Orders to work") == "9"
    page = watched.page
    watched.number("Number of contacts").press("ArrowUp")
    expect(page).to_have_url(re.compile(r"[?&]k=10\b"), timeout=WAIT_MS)
    watched.settled()
    link, shown = page.url, watched.figure("Expected recovery")
    watched.open(link.removeprefix(watched.address + "/"))
    assert (watched.figure("Orders to work"), watched.figure("Expected recovery")) == ("10", shown)


def test_another_capacity_and_other_pages_keep_an_uploaded_file(watched: Watched) -> None:
    page = watched.open("score")
    page.get_by_role("button", name="Try the sample file").click()
    watched.settled()
    page.get_by_role("button", name="Score", exact=True).click()
    expect(page.get_by_role("heading", name="Ranked list")).to_be_visible(timeout=WAIT_MS)
    watched.settled()
    before = watched.figure("Open")
    watched.number("Number of contacts").press("ArrowDown")
    watched.settled()
    assert watched.figure("Open") == before
    page.get_by_role("link", name="Model").click()
    expect(page.get_by_role("heading", name="Model", exact=True)).to_be_visible(timeout=WAIT_MS)
    page.get_by_role("link", name="Score a file").click()
    expect(page.get_by_role("heading", name="Ranked list")).to_be_visible(timeout=WAIT_MS)
    watched.settled()
    assert watched.figure("Open") == before


COMPONENT = """
async ([source, count]) => {
    const { default: draw } = await import(URL.createObjectURL(new Blob([source], { type: "text/javascript" })));
    const keys = [...Array(count).keys()].map((at) => `c${at}`);
    const rows = keys.map((key) => ({ key, customer: key, flags: [], reach: [], orders: [] }));
    window.sent = [];
    let data = { rows, acknowledged: [], today: "2026-06-30", me: "kim", empty: "" };
    window.another = (more) => { data = { ...data, ...more }; };
    const setTriggerValue = (name, value) => window.sent.push([name, value]);
    window.mount = () => {
        const host = document.body.appendChild(document.createElement("div"));
        const end = draw({ data, parentElement: host.attachShadow({ mode: "open" }), setTriggerValue });
        window.unmount = () => { end(); host.remove(); };
    };
    window.mount();
    document.body.append(document.createElement("p"));
}"""


def test_keys_count_for_the_list_when_streamlit_moves_it_and_the_focus_falls_to_the_body(browser: Browser) -> None:
    page = browser.new_page()
    page.set_content("<!doctype html><p>elsewhere</p>")
    page.evaluate(COMPONENT, [(work_table.STATIC / "work_table.js").read_text(encoding="utf-8"), 4])
    selected = page.get_by_role("checkbox", checked=True)

    def lose_focus() -> None:
        page.evaluate("document.activeElement.shadowRoot?.activeElement.blur()")
        assert page.evaluate("document.activeElement === document.body")

    for _ in range(3):
        page.keyboard.press("j")
        lose_focus()
        page.keyboard.press("Space")
    expect(selected).to_have_count(3)
    lose_focus()
    page.keyboard.press("n")
    page.keyboard.type("calls ")
    lose_focus()
    page.keyboard.type("back")
    page.keyboard.press("Enter")
    name, action = page.evaluate("window.sent.at(-1)")
    assert (name, {one["note"] for one in action["actions"]}) == ("act", {"calls back"})
    assert len({UUID(one["action_id"]).version for one in action["actions"]} | {4}) == 1
    page.get_by_text("elsewhere").click()
    page.keyboard.press("Space")
    expect(selected).to_have_count(0)
    page.close()


def test_a_table_that_streamlit_mounts_elsewhere_keeps_its_place_selection_form_and_what_is_not_acknowledged(
    browser: Browser,
) -> None:
    page = browser.new_page()
    page.set_content("<!doctype html><p>elsewhere</p>")
    page.evaluate(COMPONENT, [(work_table.STATIC / "work_table.js").read_text(encoding="utf-8"), 4])
    selected = page.get_by_role("checkbox", checked=True)
    for key in ("j", "Space", "j"):
        page.keyboard.press(key)
    page.evaluate("window.unmount(); window.mount()")
    page.keyboard.press("Space")
    expect(selected).to_have_count(2)
    page.keyboard.press("n")
    page.keyboard.type("calls ")
    page.evaluate("window.unmount(); window.mount()")
    page.keyboard.type("back")
    page.keyboard.press("Enter")
    sent = page.evaluate("window.sent.at(-1)")[1]["actions"]
    assert [(one["customer_id"], one["note"]) for one in sent] == [("c1", "calls back"), ("c2", "calls back")]
    page.evaluate("window.unmount(); window.mount()")
    assert page.evaluate("window.sent.at(-1)")[1]["actions"] == sent
    page.evaluate("window.unmount(); window.another({ unfolded: true }); window.mount()")
    expect(page.locator("ul.orders")).to_have_count(4)  # the page of a customer is another table
    expect(selected).to_have_count(0)
    page.close()


SUPPRESSED = {"p": "promised", "s": "snoozed", "d": "disputed", "x": "opted_out"}
CAP = "[[cap]]\ncount = 1\nwindow_days = 7\n"


def test_a_day_by_keyboard_alone_is_seen_by_others_and_the_next_list_is_right_about_it(
    watched: Watched, server: str, filled: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = Watched(watched.context, server)
    other.open()
    page = watched.open()
    listed = int(watched.figure("To do"))
    called = page.locator("li.row a.who").all_inner_texts()[:10]
    done = [session.page.get_by_test_id("stMetric").filter(has_text="Done") for session in (watched, other)]

    def expect_done(count: int) -> None:
        for figure in done:
            expect(figure.get_by_test_id("stMetricValue")).to_have_text(str(count), timeout=WAIT_MS)

    for outcome in "12345":
        page.keyboard.press("c")
        page.keyboard.press(outcome)
    for kind in SUPPRESSED:
        page.keyboard.press(kind)
        page.keyboard.press("Enter")
    page.keyboard.press("n")
    page.keyboard.type("calls back <b>on Monday</b>")
    page.keyboard.press("Enter")
    expect_done(9)
    expect(other.page.locator("li.row", has_text=called[0]).locator(".badge")).to_contain_text("no answer")

    many = min(40, listed - 10)
    for _ in range(many):
        page.keyboard.press("Space")
        page.keyboard.press("j")
    page.keyboard.press("c")
    page.keyboard.press("2")
    expect_done(9 + many)
    page.keyboard.press("u")  # all of the last action
    expect_done(9)
    other.page.close()
    assert other.wrong == []

    shutil.copytree(filled, tmp_path / "night")
    monkeypatch.chdir(tmp_path / "night")
    Path("policy.toml").write_text(CAP, encoding="utf-8")
    command("run", "--as-of", NIGHTS[-1], "--policy", "policy.toml")
    store = open_store(Path("out/published"))
    rows = store.detail(store.runs()[0].run.run_id, "customers").to_pylist()
    reasons = {row["customer_id"]: row["suppressed_reason"] for row in rows}
    assert [reasons[name] for name in called[:9]] == [*["contact_cap"] * 5, *SUPPRESSED.values()]
    in_force = actions.in_force(actions.read(store))
    assert {one.kind for one in in_force if one.customer_id == called[9]} == {"note"}, "its contact was undone"
    assert reasons[called[9]] in (None, "contact_cap"), "a note suppresses nothing; the loaded log may have a contact"


EXPORTS = {
    "unified_payments.csv": (STRIPE, STRIPE_ROWS, "$27.00"),
    "invoices.csv": (XERO, XERO_ROWS, "£1,520"),
    "chargebee.csv": (CHARGEBEE, CHARGEBEE_ROWS, "$220.00"),
    "aging.csv": (QUICKBOOKS, QUICKBOOKS_ROWS, "$2,150"),
    "aging.xlsx": (QUICKBOOKS, QUICKBOOKS_ROWS, "$2,150"),
}


def test_exports_of_sources_become_lists_without_typing(watched: Watched, tmp_path: Path) -> None:
    page = watched.open("score")
    page.evaluate(
        "window.acts = {click: 0, keydown: 0};"
        "for (const act in acts) addEventListener(act, event => { if (event.isTrusted) acts[act] += 1 }, true)"
    )
    for name, (header, rows, opened) in EXPORTS.items():
        text = "\n".join((header, *rows)) + "\n"
        if name.endswith("xlsx"):
            book = openpyxl.Workbook()
            for cells in csv.reader(text.splitlines()):
                book.active.append(cells)
            book.save(tmp_path / name)
        else:
            (tmp_path / name).write_text(text, encoding="utf-8")
        page.get_by_test_id("stFileUploaderDropzoneInput").set_input_files(tmp_path / name)
        expect(page.get_by_text("This is")).to_be_visible(timeout=WAIT_MS)
        if "aging" in name:
            page.get_by_role("combobox", name="Currency").click()
            page.get_by_role("option", name="USD").click()
            watched.settled()
        page.get_by_role("button", name="Score", exact=True).click()
        figure = page.get_by_test_id("stMetric").filter(has_text="Open").get_by_test_id("stMetricValue")
        expect(figure).to_have_text(opened, timeout=WAIT_MS)
        clicks = 3 if "aging" in name else 1  # the report says no currency: it is chosen
        assert page.evaluate("acts") == {"click": clicks, "keydown": 0}
        page.evaluate("acts.click = -1")  # of the next click
        page.get_by_role("button", name="Another file").click()
        expect(figure).to_have_count(0, timeout=WAIT_MS)
        watched.settled()


def test_a_customer_opens_from_the_list_with_the_timeline(watched: Watched) -> None:
    page = watched.open("?part=Done")
    page.locator("li.row a.who").first.click()
    expect(page.get_by_role("heading", name="What happened")).to_be_visible(timeout=WAIT_MS)
    assert page.evaluate("document.querySelectorAll('[data-testid=stException]').length") == 0


def test_hostile_cells_stay_text_on_the_page_and_in_the_download(watched: Watched, tmp_path: Path) -> None:
    lines = ["order_id,customer_id,amount,currency,invoice_date,payment_date"]
    lines += ["=1+cmd|' /C calc'!A0,<img src=x onerror=window.hit=1>,90.00,EUR,2026-06-20,"]
    lines += [f"n{at},<script>window.hit=1</script>,50.00,EUR,2026-06-2{at},2026-06-2{at + 1}" for at in range(5)]
    handed = tmp_path / "bad.csv"
    handed.write_text("\n".join(lines) + "\n", encoding="utf-8")
    page = watched.open("score")
    page.get_by_test_id("stFileUploaderDropzoneInput").set_input_files(handed)
    expect(page.get_by_role("button", name="Score", exact=True)).to_be_visible(timeout=WAIT_MS)
    page.get_by_role("button", name="Score", exact=True).click()
    expect(page.get_by_role("heading", name="Ranked list")).to_be_visible(timeout=WAIT_MS)
    watched.settled()
    with page.expect_download() as coming:
        page.get_by_role("button", name="Download CSV").click()
    rows = list(csv.DictReader(coming.value.path().read_text(encoding="utf-8").splitlines()))
    assert [row["order_id"][:3] for row in rows] == ["'=1"]
    assert page.evaluate("window.hit") is None


def test_a_download_holds_exactly_the_view_and_is_written_down(watched: Watched, filled: Path) -> None:
    page = watched.open("?by=Orders&k=12")
    with page.expect_download() as coming:
        page.get_by_role("button", name="Download CSV").click()
    rows = list(csv.DictReader(coming.value.path().read_text(encoding="utf-8").splitlines()))
    assert [int(row["rank"]) for row in rows] == sorted(int(row["rank"]) for row in rows)
    assert len(rows) == 12
    trail = (filled / "out" / "published" / "exports.jsonl").read_text(encoding="utf-8")
    assert '"rows": 12' in trail.splitlines()[-1]


def test_the_keyboard_alone_leads_through_the_app(watched: Watched) -> None:
    page = watched.open()
    for _ in range(40):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.innerText").strip().endswith("Health"):
            break
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Health", exact=True)).to_be_visible(timeout=WAIT_MS)


def test_every_chart_and_widget_has_words(watched: Watched) -> None:
    page = watched.open("health")
    charts = page.get_by_test_id("stVegaLiteChart")
    assert charts.count() >= 1
    page = watched.open()
    unnamed = page.evaluate(
        """[...document.querySelectorAll('main input, main button, section input, section button')]
        .filter(e => e.offsetParent && !(e.innerText || '').trim() && !e.getAttribute('aria-label')
            && !e.getAttribute('aria-labelledby') && !e.getAttribute('title') && !(e.labels && e.labels.length)
            && !e.closest('[aria-label]') && !e.closest('[data-testid=stTooltipIcon]'))
        .map(e => e.outerHTML.slice(0, 200))"""
    )
    assert unnamed == []


def test_fault_46_a_post_from_another_site_is_turned_away(server: str) -> None:
    there = f"{server}/_stcore/upload_file/00000000-0000-0000-0000-000000000000/f1"
    body = b'--x\r\nContent-Disposition: form-data; name="f1"; filename="a.csv"\r\n\r\n1\r\n--x--\r\n'
    sent = {"Content-Type": "multipart/form-data; boundary=x", "Origin": "http://evil.example"}
    for method, code in (("PUT", 403), ("POST", 405)):
        with pytest.raises(urllib.error.HTTPError) as refused:
            urllib.request.urlopen(urllib.request.Request(there, body, sent, method=method), timeout=10)
        assert refused.value.code == code
        assert refused.value.headers.get("Access-Control-Allow-Origin") in (None, server)
        refused.value.close()


def test_fault_40_a_reload_in_the_middle_leaves_a_page_that_works(watched: Watched) -> None:
    def reload_in_the_middle() -> None:
        page = watched.open("?by=Orders&k=9")
        for _ in range(3):
            watched.number("Number of contacts").press("ArrowUp")
            page.reload(wait_until="commit")  # before the answer is there
        watched.settled()

    try:
        reload_in_the_middle()
    except Error:
        if not watched.crashed():
            raise
        watched.renew()  # the browser gave up the tab, which says nothing of the app
        reload_in_the_middle()
    assert int(watched.figure("Orders to work")) >= 9


AUTH = """
[auth]
redirect_uri = "http://localhost:8501/oauth2callback"
cookie_secret = "made-for-this-test-alone"
client_id = "payrec"
client_secret = "none"
server_metadata_url = "http://127.0.0.1:9/.well-known/openid-configuration"
"""


def test_fault_46_without_sign_in_no_page_shows_anything(browser: Browser, filled: Path, tmp_path: Path) -> None:
    shutil.copytree(filled / "out" / "published", tmp_path / "out" / "published")
    (tmp_path / ".streamlit").mkdir()
    (tmp_path / ".streamlit" / "secrets.toml").write_text(AUTH, encoding="utf-8")
    order = open_store(filled / "out" / "published").scores(
        open_store(filled / "out" / "published").runs()[0].run.run_id
    )
    name = order["order_id"][0].as_py()
    with running(tmp_path) as address:
        page = browser.new_context().new_page()
        page.set_default_timeout(WAIT_MS)
        for path in (*PAGES, f"order?id={name}"):
            page.goto(f"{address}/{path}")
            expect(page.get_by_text("Sign in to see the lists.")).to_be_visible(timeout=WAIT_MS)
            for kind in ("stMetric", "stDataFrame", "stFileUploader", "stForm"):
                expect(page.get_by_test_id(kind)).to_have_count(0)
        page.context.close()


def test_another_host_is_turned_away(server: str) -> None:
    port = int(server.rsplit(":", 1)[1])
    with socket.create_connection(("127.0.0.1", port), timeout=10) as line:
        line.sendall(
            b"GET /_stcore/stream HTTP/1.1\r\nHost: evil.example\r\nOrigin: http://evil.example\r\n"
            b"Upgrade: websocket\r\n"
            b"Connection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
        )
        assert b" 403 " in line.recv(4096).splitlines()[0]
