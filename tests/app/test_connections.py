"""No credential of the server goes to a database that a visitor chooses, and visitors choose from a list alone."""

from __future__ import annotations

import doctest
import socket
import struct
from collections.abc import Iterator
from pathlib import Path
from threading import Thread

import pytest
from streamlit.testing.v1 import AppTest

from payrec.app import list_source
from payrec.commands import app as web
from payrec.common.errors import DatabaseUnreachable, UsageError
from payrec.common.settings import Settings
from payrec.publish.lists import Publication
from payrec.publish.store import open_store
from tests.app.test_pages import page, said

SECRETS = ("secret-of-pgpassword", "secret-of-passfile", "secret-of-service", "secret-of-settings")
TYPED = "typed-by-the-visitor"
CLEARTEXT, MD5 = struct.pack("!cii", b"R", 8, 3), struct.pack("!cii4s", b"R", 12, 5, b"salt")


class FakeServer:
    """A PostgreSQL server that asks for a password in a weak way and records every byte it gets."""

    def __init__(self, request: bytes) -> None:
        self.request, self.received = request, b""
        self.socket = socket.create_server(("127.0.0.1", 0))
        self.port = int(self.socket.getsockname()[1])
        Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        while True:
            try:
                line, _ = self.socket.accept()
            except OSError:  # closed
                return
            with line:
                line.settimeout(5)
                try:
                    while data := line.recv(65_536):
                        self.received += data
                        is_encryption = len(data) == 8  # a request for TLS or GSS encryption
                        line.sendall(b"N" if is_encryption else self.request)
                except OSError:
                    continue


@pytest.fixture(params=[CLEARTEXT, MD5], ids=["cleartext", "md5"])
def fake_server(request: pytest.FixtureRequest) -> Iterator[FakeServer]:
    server = FakeServer(request.param)
    yield server
    server.socket.close()


@pytest.fixture
def own_secrets(empty: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A process that has a password in every place in which libpq and payrec look for one."""
    (empty / "passfile").write_text(f"*:*:*:*:{SECRETS[1]}\n")
    (empty / "passfile").chmod(0o600)
    (empty / "services").write_text(f"[nightly]\npassword={SECRETS[2]}\n")
    for name, value in {
        "PGPASSWORD": SECRETS[0],
        "PGPASSFILE": str(empty / "passfile"),
        "PGSERVICE": "nightly",
        "PGSERVICEFILE": str(empty / "services"),
        "PAYREC_DB_PASS": SECRETS[3],
    }.items():
        monkeypatch.setenv(name, value)
    return empty


def clicked(test: AppTest, user: str = "", password: str = "") -> AppTest:
    for label, value in (("User", user), ("Password", password)):
        next(one for one in test.text_input if one.label == label).set_value(value)
    return next(one for one in test.button if one.label == "Connect").click().run()


def test_the_fake_server_gets_the_own_password_where_nothing_guards_it(
    own_secrets: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Otherwise the test below would prove nothing."""
    server = FakeServer(CLEARTEXT)
    url = f"postgresql://ana@127.0.0.1:{server.port}/payrec"
    with pytest.raises(DatabaseUnreachable):
        list_source.look(list_source.of_database(Settings(), url))
    assert SECRETS[2].encode() in server.received or SECRETS[0].encode() in server.received
    server.socket.close()


def test_no_password_of_the_server_or_the_visitor_reaches_another_host(
    own_secrets: Path, fake_server: FakeServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PAYREC_APP_CONNECTIONS", f"other=postgresql://127.0.0.1:{fake_server.port}/payrec")
    for password in ("", TYPED):
        test = clicked(page("connect"), "ana", password)
        assert not test.exception
        assert len(test.error) == 1
        assert not any(secret in said(test) for secret in (*SECRETS, TYPED))
    assert b"ana" in fake_server.received, "it was connected to"
    for secret in (*SECRETS, TYPED):
        assert secret.encode() not in fake_server.received
    assert b"md5" not in fake_server.received, "nor a hash that can be guessed at leisure"


def test_no_visitor_names_a_host(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert not page("connect").text_input
    monkeypatch.setenv("PAYREC_APP_CONNECTIONS", "a=postgresql://x@127.0.0.1:9/one b=postgresql://127.0.0.1:9/two")
    test = page("connect")
    assert test.selectbox[0].options == ["a", "b"]
    assert {one.label for one in test.text_input} == {"User", "Password"}
    assert not test.number_input


def test_a_password_in_the_list_is_for_the_listed_user_alone() -> None:
    listed = "postgresql://app:of-app@db.example/payrec"
    assert "of-app" in list_source.connection(listed, "", "")
    assert "of-app" not in list_source.connection(listed, "ana", "")
    assert "of-app" not in list_source.connection("postgresql://db.example/payrec?user=app&password=of-app", "ana", "x")
    with pytest.raises(UsageError, match="user"):
        list_source.connection("postgresql://db.example/payrec", "", "x")


def test_a_listed_database_is_read(home: Path, postgres_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    own = list_source.configured(Settings())
    (run, *_) = list_source.look(own).runs
    from payrec.data.engines import connect

    with connect(postgres_url) as engine:
        open_store(engine).commit(Publication(run.run, open_store(own.folder).scores(run.run.run_id)))
    monkeypatch.setenv("PAYREC_APP_CONNECTIONS", f"other={postgres_url}")
    test = clicked(page("connect"))
    assert not test.error
    assert {one.label: one.value for one in test.metric}["Source"] == "Database"


@pytest.mark.parametrize(
    "text", ["db.example", "a=duckdb:///x", "a=postgresql://x/y a=postgresql://x/z", "=postgresql://h"]
)
def test_a_list_of_connections_that_cannot_be_read_is_named(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PAYREC_APP_CONNECTIONS", f"{text} b=postgresql://ana:hunter2@h/d")
    with pytest.raises(UsageError, match="PAYREC_APP_CONNECTIONS") as refused:
        web.named_databases(Settings())
    assert "hunter2" not in str(refused.value)


@pytest.mark.parametrize("address", ["0.0.0.0", "::", "192.0.2.2", "db.example", ""])
def test_a_reachable_address_needs_sign_in(address: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UsageError, match="--without-sign-in"):
        web.server_command(address=address)
    assert web.server_command(address=address, without_sign_in=True)[-2:] == ["--", "--without-sign-in"]
    (tmp_path / ".streamlit").mkdir()
    (tmp_path / ".streamlit" / "secrets.toml").write_text('[auth]\nclient_id = "x"\n')
    assert f"--server.address={address}" in web.server_command(address=address)


def test_the_examples_of_addresses_hold() -> None:
    assert doctest.testmod(web).failed == 0
