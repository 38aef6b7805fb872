"""A lock that a catalog keeps: a view that only one program can create, and whose holder shows signs of life."""

from __future__ import annotations

import re
import secrets
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

from payrec.common.errors import Locked, PayrecError, UsageError
from payrec.data.engines.spark_views import JOURNAL, Catalog, literal

WRITERS, RUN = "payrec_writers", "payrec_run"
LOCK_WAIT_S, LEASE_S, BEAT_S, POLL_S = 30.0, 25.0, 3.0, 0.1
_HOLDER = re.compile(r"'((?:[^'\\]|\\.)*)' AS holder")
BUSY = "another program is changing the tables of this schema: {who}\nwait until it finishes, then try again"


@dataclass
class Lock:
    """A lock that a catalog keeps: a view that only one can create, and whose holder counts up a property of it.

    One whose count stands still for ``LEASE_S``, by the clock of the one who waits, is of a program that has ended.
    """

    catalog: Catalog
    name: str  # WRITERS or RUN
    holder: str
    number: int = 0
    is_given_back: bool = False
    names: frozenset[str] = frozenset()  # of the schema, as the lock was taken
    _ended: threading.Event = field(default_factory=threading.Event)

    def acquire(self, wait_s: float) -> bool:
        """Wait for the lock; return whether its last holder ended without giving it back.

        Raises
        ------
        Locked
            Another program that is alive held it for ``wait_s``.
        """
        begin = time.monotonic()
        seen: dict[str, tuple[str, float]] = {}  # the statement that makes each claim, and since when it stands still
        living: set[str] = set()  # claims whose statement has changed since
        while True:
            claims = self._claims()
            now = time.monotonic()
            texts = {claim: self.catalog.creating(claim) for claim in claims}
            living |= {claim for claim, text in texts.items() if claim in seen and seen[claim][0] != text}
            seen = {c: seen[c] if c in seen and seen[c][0] == text else (text, now) for c, text in texts.items()}
            dead = {claim for claim, (_, since) in seen.items() if now - since >= LEASE_S}
            if dead == claims and self._claim(frozenset(dead)):
                return bool(dead)
            if living - dead and now - begin >= wait_s:
                holder = _HOLDER.search(texts.get(min(living - dead), ""))
                who = holder[1] if holder else None
                raise Locked.by_run(who) if self.name == RUN else Locked(BUSY.format(who=who or "holder unknown yet"))
            time.sleep(POLL_S * (1 + secrets.randbelow(10) / 10))

    def _claims(self) -> frozenset[str]:
        return frozenset(name for name in self.catalog.names() if name.startswith(f"{self.name}__lock_"))

    @property
    def view(self) -> str:
        """Name of the view that is the claim."""
        return f"{self.name}__lock_{self.number}"

    def _claim(self, dead: frozenset[str]) -> bool:
        """Create the next claim; whoever sees another living one then withdraws."""
        self.number = 1 + max((int(name.rpartition("_")[2]) for name in dead), default=0)
        try:
            self.catalog.run(f"CREATE VIEW {self.view} AS SELECT {literal(self.holder)} AS holder")
        except UsageError as error:
            if "ALREADY_EXISTS" in str(error):
                return False
            raise
        self.names = self.catalog.names()
        if {name for name in self.names if name.startswith(f"{self.name}__lock_")} - dead != {self.view}:
            self.catalog.run(f"DROP VIEW IF EXISTS {self.view}")
            return False
        for claim in dead:
            self.catalog.run(f"DROP VIEW IF EXISTS {claim}")
        threading.Thread(target=self._beat, daemon=True).start()
        return True

    def _beat(self) -> None:
        beat = 0
        while not self._ended.wait(BEAT_S):
            beat += 1
            with suppress(Exception):  # whoever takes the claim away ends it; is_held then says so
                self.catalog.run(self._sign_of_life(beat))

    def _sign_of_life(self, beat: int) -> str:
        return (
            f"ALTER VIEW {self.view} SET TBLPROPERTIES ('payrec.beat' = '{beat}')"  # Iceberg alters no text of a view
        )

    def still_held(self) -> str:
        """Return the statement that fails if another program has taken the lock away."""
        return self._sign_of_life(-1)

    def is_held(self) -> bool:
        """Whether no other program has taken the lock away."""
        return self.view in self._claims()

    def given_back(self) -> str:
        """Return the statement that gives the lock back."""
        return f"DROP VIEW IF EXISTS {self.view}"

    def release(self) -> None:
        """Give the lock back."""
        self._ended.set()
        if not self.is_given_back:
            with suppress(PayrecError):
                self.catalog.run(self.given_back())


@contextmanager
def locked(catalog: Catalog, name: str, holder: str, wait_s: float) -> Iterator[Lock]:
    """Hold a lock of the catalog, and complete first what a holder that was killed has left."""
    lock = Lock(catalog, name, holder)
    left = lock.acquire(wait_s)
    try:
        if name == WRITERS and (left or JOURNAL in lock.names):
            catalog.recover(lock.names)
            lock.names = catalog.names()
        yield lock
    finally:
        lock.release()
