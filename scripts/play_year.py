"""Play a year with an experiment by the commands of docs/proof.md, in a simulated firm whose truth is known.

    scripts/play_year.py [--world differing|same] [--database URL] [--weeks N] [--out FOLDER]

Every Monday the week's failed payments and what happened to earlier ones are loaded, a list is published, and the firm
contacts the customers flagged there, nobody else. Whether an order is paid with and without a contact is drawn when it
fails; so what the list brought is known, whatever the arms are.
"""

from __future__ import annotations

import argparse
import csv
import io
import os
import sys
from collections.abc import Callable, Sequence
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
import pyarrow.compute as pc

from payrec import cli
from payrec.cli import options
from payrec.data.engines import connect, keeps_lists
from payrec.publish import experiments
from payrec.publish.store import list_by_customer, open_store
from payrec.worklist.assignment import EXEMPT

FIRST = datetime.fromisoformat("2025-01-06T00:00:00")  # a Monday
WEEK = timedelta(days=7)
HISTORY_WEEKS, PER_WEEK, WEEKS = 30, 48, 52
SEED = 5
EFFECTS = {"differing": {"direct_debit": 0.45, "card": -0.05}, "same": {"direct_debit": 0.2, "card": 0.2}}
"""What a contact adds to the chance, by payment method."""
CAPACITY_WEEKS = 6  # of new customers: each is within the capacity at once
VOID_DAYS = 32  # after the list that an order is first on: the outcome of its epoch is known by then
ORDER = ("order_id", "customer_id", "amount", "currency", "country", "payment_method", "invoice_date", "payment_date")
EVENT = ("event_id", "order_id", "event_ts", "event_type", "amount", "reason_code")


@dataclass(frozen=True)
class Failed:
    """A failed payment: when it would be paid without a contact, and with one; None: never."""

    order_id: str
    customer_id: str
    amount: float
    country: str
    method: str
    at: datetime
    paid_alone: datetime | None
    paid_contacted: datetime | None

    def paid_at(self, contacted_at: datetime | None) -> datetime | None:
        """Return when it is paid, given the time of the contact."""
        if contacted_at is None or (self.paid_alone is not None and self.paid_alone <= contacted_at):
            return self.paid_alone
        return self.paid_contacted


@dataclass
class Firm:
    """The failed payments of a year, week by week, and the contacts so far by customer."""

    world: str
    weeks: int
    per_week: int
    orders: dict[int, list[Failed]] = field(default_factory=dict)
    contacted_at: dict[str, datetime] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Draw the orders of every week, those before the first list included."""
        rng = np.random.default_rng(SEED)
        for week in range(-HISTORY_WEEKS, self.weeks):
            self.orders[week] = [self._failed(rng, week, number) for number in range(self._count(week))]

    def _count(self, week: int) -> int:
        """Return how many orders fail in a week; those before the first list are as many in every year."""
        return self.per_week if week >= 0 else PER_WEEK

    def _failed(self, rng: np.random.Generator, week: int, number: int) -> Failed:
        method = ("card", "direct_debit")[int(rng.random() < 0.5)]
        country = ("DE", "FR", "IT")[int(rng.integers(3))]
        chance = {"DE": 0.55, "FR": 0.40, "IT": 0.25}[country]
        at = FIRST + week * WEEK + timedelta(hours=float(rng.uniform(1, 166)))
        listed = FIRST + (week + 1) * WEEK
        u, days = float(rng.random()), rng.uniform(1, 27, 2)
        early = float(rng.random()) < 0.15
        alone = (at if early else listed) + timedelta(days=float(days[0]) * (0.1 if early else 1))
        answer = listed + timedelta(days=float(days[1]))
        return Failed(
            f"o{week + HISTORY_WEEKS:02}-{number:02}", f"c{week + HISTORY_WEEKS:02}-{number:02}",
            round(float(rng.lognormal(4, 0.5)), 2), country, method, at,
            alone if u < chance else None,
            answer if u < chance + EFFECTS[self.world][method] else None,
        )  # fmt: skip

    def write(self, until: datetime, after: datetime, folder: Path) -> None:
        """Write what became known after one time and until another: new orders, and what happened to all of them."""
        rows, events = [], []
        for week, failed in self.orders.items():
            for one in failed:
                if after < one.at <= until:
                    rows.append((one.order_id, one.customer_id, f"{one.amount:.2f}", "EUR", one.country, one.method,
                                 f"{one.at:%Y-%m-%d}", ""))  # fmt: skip
                void_at = FIRST + (week + 1) * WEEK + timedelta(days=VOID_DAYS)
                if week < 0:  # none of them is on a list of the year
                    void_at = min(void_at, FIRST + timedelta(hours=1))
                happened = self._happened(one, void_at)
                events += [
                    (f"{one.order_id}-{kind}", one.order_id, f"{at:%Y-%m-%dT%H:%M:%S}", kind, amount, reason)
                    for kind, at, amount, reason in happened
                    if after < at <= until
                ]
        for name, header, lines in (("orders.csv", ORDER, rows), ("events.csv", EVENT, events)):
            with (folder / name).open("w", newline="") as file:
                csv.writer(file).writerows([header, *lines])

    def _happened(self, one: Failed, void_at: datetime) -> list[tuple[str, datetime, str, str]]:
        contact = self.contacted_at.get(one.customer_id)
        paid = one.paid_at(contact)
        lines = [("attempt", one.at, "", "insufficient_funds")]
        if contact is not None:
            lines.append(("contact", contact, "", ""))
        ended = ("void", void_at, "", "") if paid is None else ("payment", paid, f"{one.amount:.2f}", "")
        return [*lines, ended]

    def contact(self, customers: Sequence[str], at: datetime) -> None:
        """Contact customers an hour after their list, each of them once."""
        for customer in customers:
            self.contacted_at.setdefault(customer, at + timedelta(hours=1))


@dataclass(frozen=True)
class Printed:
    """What one command printed, and its exit code."""

    command: str
    code: int
    text: str


Show = Callable[[Printed], None]


@dataclass
class Player:
    """The commands on one database, at times of the simulated year."""

    url: str
    folder: Path
    firm: Firm
    show: Show
    printed: list[Printed] = field(default_factory=list)

    def payrec(self, now: datetime, command: str) -> Printed:
        """Run one command of the command line, in this process, at a time of the year."""
        settings = {
            "PAYREC_DATABASE": self.url, "PAYREC_MODELS_DIR": str(self.folder / "models"),
            "PAYREC_OUT_DIR": str(self.folder), "PAYREC_PUBLISHED_DIR": str(self.folder / "published"),
            "PAYREC_POLICY": str(self.folder / "policy.toml"), "NO_COLOR": "1",
        }  # fmt: skip
        output, notes = io.StringIO(), io.StringIO()
        with (
            patch.dict(os.environ, settings), patch.object(options, "now", lambda: now),
            redirect_stdout(output), redirect_stderr(notes),
        ):  # fmt: skip
            try:
                cli.main(command.split())
            except SystemExit as ended:
                code = int(ended.code or 0)
        refusal = notes.getvalue().splitlines()[-1:] if code else []
        self.printed.append(Printed(command, code, output.getvalue() + "".join(f"{line}\n" for line in refusal)))
        self.show(self.printed[-1])
        return self.printed[-1]

    def load(self, until: datetime, after: datetime) -> None:
        """Load what became known in a week, or before the first list."""
        self.firm.write(until, after, self.folder)
        for kind, name in (("transactions", "orders.csv"), ("events", "events.csv")):
            done = self.payrec(until, f"load {kind} {self.folder / name}")
            if done.code:
                raise SystemExit(done.text)

    def week(self, number: int, has_list: bool = True) -> None:
        """Load a week, publish the list of its Monday, and contact whom it flags."""
        monday = FIRST + (number + 1) * WEEK
        self.load(monday, monday - WEEK)
        if not has_list:
            return
        done = self.payrec(monday + timedelta(hours=1), f"run --as-of {monday:%Y-%m-%d}")
        if done.code not in (0, 1):
            raise SystemExit(done.text)
        with connect(self.url) as engine:
            store = open_store(engine if keeps_lists(self.url) else self.folder / "published")
            rows = list_by_customer(store, store.runs()[0].run.run_id)
        flagged = rows.filter(pc.equal(rows["priority_flag"], 1))["customer_id"].to_pylist()
        self.firm.contact(flagged, monday)


def truth(player: Player) -> dict[str, float]:
    """Return what contacting the assigned customers adds on average over all assignments, and to how many ``contacts``.

    ``orders`` and ``money`` in euros, of the customers whose epoch has ended.
    """
    by_customer = {one.customer_id: one for failed in player.firm.orders.values() for one in failed}
    total = {"contacts": 0.0, "orders": 0.0, "money": 0.0}
    with connect(player.url) as engine:
        drawn, _ = experiments.assignments(engine, "year")
    until = FIRST + player.firm.weeks * WEEK
    for row in drawn.to_pylist():
        if row["stratum"] != EXEMPT and row["as_of"] + timedelta(days=30) <= until:
            one = by_customer[row["customer_id"]]
            added = (one.paid_contacted is not None) - (one.paid_alone is not None)
            total["contacts"] += row["propensity"]
            total["orders"] += row["propensity"] * added
            total["money"] += row["propensity"] * added * one.amount
    return total


def play(
    world: str, url: str, folder: Path, lists: Sequence[int] = range(WEEKS), per_week: int = PER_WEEK,
    show: Show = lambda _: None,
) -> Player:  # fmt: skip
    """Play a year, with the commands of docs/proof.md in their order.

    ``lists``: weeks at whose end a list is published; ``show`` gets what each command printed.
    """
    weeks = lists[-1] + 1
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "policy.toml").write_text(f"[capacity]\ntotal = {CAPACITY_WEEKS * per_week}\n")
    player = Player(url, folder, Firm(world, weeks, per_week), show)
    player.load(FIRST, FIRST - (HISTORY_WEEKS + 1) * WEEK)
    player.payrec(FIRST, "train --recipe original")
    player.payrec(FIRST, "holdout plan --effect-points 20")
    player.payrec(FIRST, "holdout start --name year --share 0.3 --planned-customers 1000")
    for number in range(weeks):
        player.week(number, number in lists)
        if number in lists:
            player.payrec(FIRST + (number + 1) * WEEK, "holdout status")
    end = FIRST + weeks * WEEK
    player.payrec(end, "effect train")
    player.payrec(end, "effect show")
    player.payrec(end, "holdout stop")
    return player


def main() -> None:
    """Play it, and print what the commands print, then the truth."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--world", choices=tuple(EFFECTS), default="differing")
    parser.add_argument("--weeks", type=int, default=WEEKS)
    parser.add_argument("--per-week", type=int, default=PER_WEEK)
    parser.add_argument("--out", type=Path, default=Path("out/year"))
    parser.add_argument("--database", default=None)
    given: Any = parser.parse_args()

    def show(one: Printed) -> None:
        if not one.command.startswith(("load", "run")):
            print(f"$ payrec {one.command}    (exit {one.code})\n{one.text}", flush=True)

    url = given.database or f"duckdb:///{given.out / 'year.duckdb'}"
    print("truth:", truth(play(given.world, url, given.out, range(given.weeks), given.per_week, show)))


if __name__ == "__main__":
    sys.exit(main())
