from __future__ import annotations

import builtins
import json
import logging
import socket
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from payrec.common.errors import MissingExtra, UsageError
from payrec.monitor import alerts, verdicts
from payrec.monitor.drift import Figure
from payrec.monitor.limits import Limits

ALERT = alerts.Alert("payrec: it failed", ("line one",))


@dataclass
class Receiver:
    """A web server on this machine that answers as it is told and remembers what it got."""

    port: int = 0
    answers: list[int] = field(default_factory=list)
    got: list[tuple[str, Any]] = field(default_factory=list)
    silent: bool = False
    over: threading.Event = field(default_factory=threading.Event)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/hook/t0ken?x=1"


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    told = Receiver()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            told.got.append((self.path, json.loads(self.rfile.read(int(self.headers["Content-Length"])))))
            if told.silent:
                told.over.wait()
                return
            status = told.answers.pop(0) if told.answers else 200
            self.send_response(status)
            if 300 <= status < 400:
                self.send_header("Location", f"http://127.0.0.1:{told.port}/internal")
            self.send_header("Content-Length", "0")
            self.end_headers()

        do_GET = do_POST

        def log_message(self, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    told.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    yield told
    told.over.set()
    server.shutdown()
    server.server_close()
    thread.join()


def tell(address: str, alert: alerts.Alert = ALERT, timeout_s: float = 5.0) -> tuple[alerts.Delivery, list[float]]:
    waited: list[float] = []
    (delivery,) = alerts.send(alert, alerts.targets(address), wait=waited.append, timeout_s=timeout_s)
    return delivery, waited


def test_a_message_arrives_in_the_form_of_slack(receiver: Receiver) -> None:
    delivery, waited = tell(receiver.url, alerts.Alert("it <failed> & fell", ("see <!channel>", "\x1b[31mred")))
    assert delivery == alerts.Delivery(f"http://127.0.0.1:{receiver.port}", True, 1)
    assert waited == []
    text = "*it &lt;failed&gt; &amp; fell*\nsee &lt;!channel&gt;\n\ufffd[31mred"
    assert receiver.got == [("/hook/t0ken?x=1", {"text": text})]


@pytest.mark.parametrize(
    ("answers", "delivered", "attempts", "failure"),
    [
        ([500, 503, 200], True, 3, None),
        ([500, 500, 500, 200], False, 3, "answered with HTTP 500"),
        ([429, 204], True, 2, None),
        ([404], False, 1, "answered with HTTP 404"),
        ([302], False, 1, "answered with a redirect (302), which is not followed"),
        ([307], False, 1, "answered with a redirect (307), which is not followed"),
    ],
)
def test_tries_are_bounded_and_redirects_are_not_followed(
    receiver: Receiver, answers: list[int], delivered: bool, attempts: int, failure: str | None
) -> None:
    receiver.answers = answers
    delivery, waited = tell(receiver.url)
    assert (delivery.delivered, delivery.attempts, delivery.failure) == (delivered, attempts, failure)
    assert waited == [1.0, 2.0][: attempts - 1]
    assert len(receiver.got) == attempts
    assert {path for path, _ in receiver.got} == {"/hook/t0ken?x=1"}


def test_a_place_that_keeps_silent_is_given_up(receiver: Receiver) -> None:
    receiver.silent = True
    delivery, waited = tell(receiver.url, timeout_s=0.1)
    assert delivery == alerts.Delivery(f"http://127.0.0.1:{receiver.port}", False, 3, "no answer within 0.1 s")
    assert waited == [1.0, 2.0]


@pytest.mark.parametrize("port", ["closed", "garbage"])
def test_dead_and_foreign_ports(port: str) -> None:
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        if port == "garbage":
            held.listen()
            answering = threading.Thread(target=lambda: _answer_nonsense(held), daemon=True)
            answering.start()
        delivery, _ = tell(f"http://127.0.0.1:{held.getsockname()[1]}/t0ken")
        assert not delivery.delivered
        assert delivery.attempts == 3
        assert "t0ken" not in repr(delivery)


def _answer_nonsense(held: socket.socket) -> None:
    for _ in range(3):
        line, _ = held.accept()
        with line:
            line.recv(65_536)
            line.sendall(b"220 mail.example ESMTP\r\n")


def test_one_dead_place_does_not_stop_the_others(receiver: Receiver) -> None:
    places = alerts.targets(f"http://127.0.0.1:1/x {receiver.url}")
    assert [one.delivered for one in alerts.send(ALERT, places, wait=lambda _: None)] == [False, True]


def test_apprise_delivers_and_follows_no_redirect(receiver: Receiver) -> None:
    address = f"json://127.0.0.1:{receiver.port}/t0ken?redirect=yes"
    delivery, _ = tell(address)
    assert delivery == alerts.Delivery("json", True, 1)
    assert (receiver.got[0][1]["title"], receiver.got[0][1]["message"]) == ("payrec: it failed", "line one")
    receiver.got.clear()
    receiver.answers = [302, 302, 302]
    delivery, _ = tell(address)
    assert (delivery.delivered, delivery.failure) == (False, "apprise could not deliver it")
    assert {path for path, _ in receiver.got} == {"/t0ken"}
    assert not logging.getLogger("apprise").disabled


def test_secrets_are_in_no_message_log_or_repr(receiver: Receiver, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    places = alerts.targets(f"{receiver.url} slack://T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXrIdevi7FQ/#general")
    assert [place.label for place in places] == [f"http://127.0.0.1:{receiver.port}", "slack"]
    said = alerts.Alert(
        "cannot open postgresql://anna:s3cr3t@db:5432/x",
        ("PAYREC_DB_PASS=hunter22 failed", f"and {receiver.url}", "planted-secret in the middle", 'api_key: "abc"'),
    )
    deliveries = alerts.send(said, places[:1], secrets=["planted-secret"], wait=lambda _: None)
    everything = json.dumps(receiver.got[0][1]) + repr(places) + repr(deliveries) + caplog.text
    for secret in ("s3cr3t", "hunter22", "t0ken", "planted-secret", "abc", "TIiajkdnlazkcOXrIdevi7FQ", "T1JJ3T3L2"):
        assert secret not in everything


@pytest.mark.parametrize(
    ("addresses", "said"),
    [
        ("https://ok.example nonsense-t0ken", "alert address no. 2 is not an address"),
        ("https://", "alert address no. 1 has no host"),
        ("https://u:t0ken@host/", "has no host, or a user in it"),
        ("http://h:999999/t0ken", "no. 1 is not an address"),
        ("nosuchkind://t0ken", "no. 1 is of no kind that apprise knows"),
    ],
)
def test_wrong_addresses_are_refused_without_repeating_them(addresses: str, said: str) -> None:
    with pytest.raises(UsageError) as refused:
        alerts.targets(addresses)
    assert said in str(refused.value)
    assert "t0ken" not in str(refused.value)


def test_no_addresses() -> None:
    assert alerts.targets(None) == alerts.targets("  ") == ()
    assert alerts.send(ALERT, ()) == []


def test_without_apprise_the_pip_line_is_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.__import__

    def without(name: str, *args: Any, **kwargs: Any) -> Any:
        if name == "apprise":
            raise ImportError(name)
        return real(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(MissingExtra, match=r"pip install 'payrec\[alerts\]'"):
        alerts.targets("slack://a/b/c")
    assert alerts.targets("https://host/x")[0].kind == "webhook"


def test_texts_are_short_and_say_how_many_are_left_out() -> None:
    long = alerts.written(alerts.Alert("t", tuple(f"line {n}" for n in range(30))))
    assert long.splitlines()[-1] == "… and 10 more"
    assert len(alerts.written(alerts.Alert("x" * 10_000))) == alerts.LONGEST_TEXT


def test_alerts_of_a_run() -> None:
    calm = verdicts.verdicts_of([Figure("rows", "", 5)], Limits())
    assert alerts.of_verdicts(calm, "r1") is None
    bad = verdicts.verdicts_of([Figure("rows", "", 0), Figure("stale_days", "", 9)], Limits())
    said = alerts.of_verdicts(bad, "r1")
    assert said is not None
    assert said.title == "payrec: 2 alarms in run r1"
    assert said.lines == ("nothing to score: no order is open", "the newest fact is 9.0 days older than as_of")
    failed = alerts.of_failure(RuntimeError("a\nb\nc\nd"), "publish")
    assert (failed.title, failed.lines) == ("payrec: the run failed at publish", ("a", "b", "c"))
    assert alerts.of_failure(RuntimeError(), "score").lines == ("RuntimeError",)
