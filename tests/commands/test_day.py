"""A day is played through: a list, calls with six outcomes, and the next lists, which are right about each of them."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections import Counter
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest

import payrec as api
from payrec.commands.log import Logged
from payrec.commands.published import open_lists
from payrec.commands.run_report import RunReport
from payrec.common.errors import UsageError
from payrec.publish import action_events, actions, promise_states
from payrec.publish.store import list_by_customer
from payrec.worklist.policy import Policy
from tests.commands.conftest import DAY, FIRST_NIGHT, Site

CALLED = FIRST_NIGHT + timedelta(hours=10)
RULES = Policy(capacity={"total": 50}, cap=({"count": 2, "window_days": 7},))  # type: ignore[arg-type]
SUPPRESSED = {"promised": "promised", "disputed": "disputed", "snoozed": "snoozed", "do_not_contact": "opted_out"}


def customers(site: Site, report: RunReport) -> dict[str, dict[str, Any]]:
    with open_lists(site.url, site.published or site.folder) as store:
        rows = list_by_customer(store, report.published.run.run_id).to_pylist()
    return {row["customer_id"]: row for row in rows}


def log(site: Site, kind: Any, customer_id: str, at: datetime = CALLED, **options: Any) -> Logged:
    with open_lists(site.url, site.published or site.folder) as store:
        return api.log(kind, customer_id, at, "kim", store, **options)


def raw_events(site: Site) -> Counter[str]:
    with site.open() as engine:
        rows = engine.read("SELECT event_id, event_type FROM raw_events WHERE event_id LIKE 'action:%'").to_pylist()
    return Counter(row["event_type"] for row in rows)


@pytest.mark.parametrize("known", [True, False], ids=["as facts of the next night", "the same night"])
def test_the_next_list_is_right_about_every_customer(site: Site, known: bool) -> None:
    first = customers(site, site.night(FIRST_NIGHT, policy=RULES))
    ranked = [name for name, row in first.items() if row["rank"]]
    called = dict(zip(("none", "contacted", *SUPPRESSED, "assigned", "undone"), ranked, strict=False))
    until = (FIRST_NIGHT + 5 * DAY).date()
    log(site, "contacted", called["contacted"], outcome="spoke", channel="phone")
    log(site, "contacted", called["contacted"], CALLED + timedelta(hours=1), outcome="no_answer", channel="phone")
    promised = log(site, "promised", called["promised"], until=until).action
    log(site, "disputed", called["disputed"])
    log(site, "snoozed", called["snoozed"], until=until)
    log(site, "do_not_contact", called["do_not_contact"])
    log(site, "assigned", called["assigned"], owner="lee")
    log(site, "do_not_contact", called["undone"])
    log(site, "undone", called["undone"], CALLED + timedelta(seconds=1))
    log(site, "note", called["none"], note="friendly")

    as_of = FIRST_NIGHT + DAY if known else FIRST_NIGHT
    report = site.night(as_of, policy=RULES, now=CALLED + DAY)
    second, events = customers(site, report), raw_events(site)
    for kind, reason in SUPPRESSED.items():
        assert (second[called[kind]]["rank"], second[called[kind]]["suppressed_reason"]) == (None, reason)
    assert second[called["contacted"]]["suppressed_reason"] == "contact_cap"
    assert second[called["assigned"]]["owner"] == "lee"
    assert second[called["promised"]]["promised_until"].date() == until
    same_currency = promised.currency == second[called["promised"]]["ev_currency"]
    assert second[called["promised"]]["promised_amount"] == (promised.amount if same_currency else None)
    for kind in ("none", "undone", "assigned"):
        assert second[called[kind]]["rank"]
    assert {kind: count > 0 for kind, count in events.items()} == dict.fromkeys(
        ("contact", "promise", "dispute_opened", "snooze", "opt_out"), True
    )
    again = site.night(as_of, policy=RULES, now=CALLED + DAY)
    assert again.already_done
    assert raw_events(site) == events

    with open_lists(site.url, site.published or site.folder) as store:
        explained = api.explain_customer(called["undone"], store)
        with pytest.raises(UsageError, match="found no customer nobody on the list"):
            api.explain_customer("nobody", store)
    assert [one.kind for one in explained.actions] == ["do_not_contact", "undone"]
    assert explained.undone == {explained.actions[0].action_id}
    assert explained.customers[0]["rank"]
    log(site, "undone", called["do_not_contact"], CALLED + DAY)
    log(site, "dispute_solved", called["disputed"], CALLED + DAY)
    third = customers(site, site.night(as_of, policy=RULES, now=CALLED + 2 * DAY))
    assert third[called["do_not_contact"]]["rank"]
    assert third[called["disputed"]]["rank"]
    assert raw_events(site)["opt_out"] == 0


def test_a_broken_promise_comes_back_on_top_until_it_is_dealt_with(site: Site) -> None:
    first = customers(site, site.night(FIRST_NIGHT))
    last = [name for name, row in first.items() if row["rank"]][-1]
    until = (FIRST_NIGHT + DAY).date()
    promised = log(site, "promised", last, until=until).action
    ends = FIRST_NIGHT + 2 * DAY + RULES.promise_grace_days * DAY
    live = customers(site, site.night(ends - timedelta(hours=1)))[last]
    assert (live["rank"], live["suppressed_reason"]) == (None, "promised")
    report = site.night(ends)
    broken = customers(site, report)[last]
    amount = f"{promised.amount:,.2f} {promised.currency}"
    assert broken["rank"] == 1
    assert broken["reason_1"] == f"promised {amount} by {until.day} {until:%b}, nothing came"
    assert broken["reason_2"]
    with open_lists(site.url, site.published or site.folder) as store:
        replayed = api.replay(report.published.run.run_id, store, site.models)
    assert replayed.equal, replayed.differs
    log(site, "contacted", last, ends + timedelta(hours=4), outcome="spoke")
    assert customers(site, site.night(ends, now=ends + timedelta(hours=5)))[last]["rank"] != 1


def test_a_payment_keeps_a_promise(site: Site) -> None:
    first = customers(site, site.night(FIRST_NIGHT))
    name, row = next((name, row) for name, row in first.items() if row["rank"] and row["orders_open"] == 1)
    promised = log(site, "promised", name, amount=Decimal("1.00"), until=(FIRST_NIGHT + DAY).date()).action
    paid = {
        "event_id": ["paid"], "order_id": [row["top_order_id"]], "event_ts": [CALLED + timedelta(hours=2)],
        "event_type": ["payment"], "amount": [Decimal("0.95")],
    }  # fmt: skip
    with site.open() as engine:
        engine.write("raw_events", pa.table(paid), key=("event_id",))
    after = customers(site, site.night(FIRST_NIGHT + 8 * DAY))[name]
    with site.open() as engine:
        (judged,) = promise_states.promises(engine, [promised], FIRST_NIGHT + 8 * DAY, RULES.promise_grace_days)
    assert (judged.paid, judged.state) == (Decimal("0.95"), "kept")
    assert not (after["reason_1"] or "").startswith("promised")


def test_an_action_that_no_run_has_seen_is_turned_by_the_next(site: Site) -> None:
    """A run that is killed between an action and its event leaves the action, and the next one finishes."""
    first = customers(site, site.night(FIRST_NIGHT))
    logged = log(site, "contacted", next(iter(first)), outcome="spoke", orders=["nobody's order"])
    with open_lists(site.url, site.published or site.folder) as store, site.open() as engine:
        assert action_events.record(engine, store) == 0
        assert actions.add(
            store, actions.replace(logged.action, action_id=str(api.commands.log.uuid4()), order_ids=()), CALLED
        )
        assert action_events.record(engine, store) > 0
        assert action_events.record(engine, store) == 0


KILLED = """
import os, signal, sys, types
from payrec import cli
from payrec.data import layers
from payrec.publish import action_events

when = sys.argv.pop(1)
def end(): os.kill(os.getpid(), signal.SIGKILL)
def inside(engine, changing):
    def whole():
        changing()
        end()
    return layers.change(engine, whole)
def after(engine, changing):
    layers.change(engine, changing)
    end()
change = {"before": lambda engine, changing: end(), "inside": inside, "after": after}[when]
action_events.layers = types.SimpleNamespace(prepare=layers.prepare, change=change)
cli.main()
"""


@pytest.mark.parametrize("when", ["before", "inside", "after"])
def test_a_run_killed_between_actions_and_their_events_loses_and_doubles_nothing(site: Site, when: str) -> None:
    first = customers(site, site.night(FIRST_NIGHT, policy=RULES))
    spoken, silent, undone = [name for name, row in first.items() if row["rank"]][:3]
    log(site, "do_not_contact", undone)
    with open_lists(site.url, site.published or site.folder) as store, site.open() as engine:
        assert action_events.record(engine, store)
    kept = [log(site, "contacted", spoken, outcome="spoke").action, log(site, "do_not_contact", silent).action]
    log(site, "undone", undone, CALLED + timedelta(seconds=1))  # its event is to be deleted in the same step
    command = [sys.executable, "-c", KILLED, when, "run", "--as-of", f"{FIRST_NIGHT + DAY:%Y-%m-%d}"]
    done = subprocess.run(command, env=os.environ | site.environment(), capture_output=True, check=False, timeout=300)
    assert done.returncode == -signal.SIGKILL, done.stderr
    second = customers(site, site.night(FIRST_NIGHT + DAY, policy=RULES, now=CALLED + DAY))
    with site.open() as engine:
        orders = action_events.orders_of(engine, (spoken, silent))
        rows = engine.read("SELECT event_id FROM raw_events WHERE event_id LIKE 'action:%'")["event_id"].to_pylist()
    covered = {one.action_id: action_events.covered(one, orders[one.customer_id]) for one in kept}
    assert sorted(rows) == sorted(f"action:{action}:{order}" for action, of in covered.items() for order in of)
    assert second[silent]["suppressed_reason"] == "opted_out"
    assert second[undone]["suppressed_reason"] is None
    with open_lists(site.url, site.published or site.folder) as store:
        assert len(actions.read(store)) == 4


def test_a_customer_that_was_loaded_as_not_to_be_contacted_is_on_no_list_and_is_erased(site: Site) -> None:
    first = customers(site, site.night(FIRST_NIGHT))
    name = next(name for name, row in first.items() if row["rank"])
    file = site.folder / "customers.csv"
    file.write_text(f"customer_id,name,email,do_not_contact\n{name},Ännchen,a@example.org,yes\nnobody,N,,\n", "utf-8")
    with site.open() as engine:
        assert api.load.customers(engine, file).loaded == 2
    report = site.night(FIRST_NIGHT, now=CALLED)
    second = customers(site, report)
    assert second[name]["suppressed_reason"] == "opted_out"
    log(site, "note", name, note="asked why")
    run_id, folder = report.published.run.run_id, site.published or site.folder
    with open_lists(site.url, folder) as store:
        contacts = store.detail(run_id, "contacts")
        assert contacts is not None
        assert contacts.select(["customer_id", "email"]).to_pylist() == [
            {"customer_id": name, "email": "a@example.org"}
        ]
    file.unlink()
    held = api.privacy.export(site.url, name, CALLED, folder, site.folder)
    assert [row["name"] for row in held["raw_customers"]] == ["Ännchen"]
    assert [action["note"] for action in held["actions"]] == ["asked why"]
    assert api.privacy.erase(site.url, name, CALLED, folder, site.folder).raw["raw_customers"] == 1
    held = api.privacy.export(site.url, name, CALLED, folder, site.folder)
    assert (held["raw_customers"], held["actions"], held["mentioned_in"]) == ([], [], [])
