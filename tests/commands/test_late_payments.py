"""Payments that end before orders: no list as of later than the payments, by either door."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path

import pytest

import payrec as public
from payrec.app import upload, upload_score
from payrec.common.errors import DataRefused
from payrec.data.engines import Engine
from payrec.model.store import versions
from payrec.worklist.policy import Policy
from tests.commands.conftest import DAY, FIRST_NIGHT, Site
from tests.commands.receiver import receiving

Payrec = Callable[..., int]
HOUR = timedelta(hours=1)
STOPPED = FIRST_NIGHT - 20 * DAY
KEYED = ["order_id", "suppressed_reason"]


def stop_payments(site: Site, at: datetime = STOPPED) -> None:
    with site.open() as engine:
        engine.run(f"DELETE FROM raw_events WHERE COALESCE(recorded_ts, event_ts) > TIMESTAMP '{at}'")


def paid_by(engine: Engine, at: datetime) -> set[str]:
    """Return the orders of which at least 95 % had come in by then, less what went back."""
    sign = "CASE WHEN event_type = 'payment' THEN COALESCE(e.amount, t.amount) ELSE -e.amount END"
    rows = engine.read(
        "SELECT t.order_id FROM raw_events AS e JOIN raw_transactions AS t ON t.order_id = e.order_id "
        f"WHERE event_type IN ('payment', 'return', 'chargeback') AND e.event_ts < TIMESTAMP '{at}' "
        f"GROUP BY t.order_id, t.amount HAVING SUM({sign}) >= 0.95 * t.amount"
    )
    return set(rows["order_id"].to_pylist())


def paid_by_export(engine: Engine) -> set[str]:
    """Return the orders that the export calls paid, by its date or its last result."""
    select = "SELECT order_id FROM raw_transactions WHERE payment_date IS NOT NULL OR result_status = 'success'"
    return set(engine.read(select)["order_id"].to_pylist())


def test_a_list_is_made_only_as_of_the_payments(site: Site, payrec: Payrec, capsys: pytest.CaptureFixture[str]) -> None:
    stop_payments(site)
    for words in (["run"], ["score"], ["run", "--as-of", str(FIRST_NIGHT)]):
        assert payrec(*words) == 3
        assert "load the newer payments, or make the list as of then: --payments-until 2026-04-30" in (
            capsys.readouterr().err
        )
    with site.open() as engine:
        codes = [f.code for f in public.check(engine, now=FIRST_NIGHT).findings]
        assert codes[0] == "late_payments"
        with pytest.raises(DataRefused, match="payments end on 29 Apr 2026, 20 days before orders"):
            public.score(engine, site.models, now=FIRST_NIGHT)
        listed = public.score(engine, site.models, now=FIRST_NIGHT, payments_until=STOPPED)
        assert listed.run.as_of == STOPPED
        assert listed.ranked.num_rows > 100
        assert paid_by(engine, STOPPED).isdisjoint(listed.ranked["order_id"].to_pylist())
        early = public.score(engine, site.models, as_of=STOPPED - 9 * DAY, now=FIRST_NIGHT, payments_until=STOPPED)
        assert early.run.as_of == STOPPED - 9 * DAY
        past = public.score(engine, site.models, as_of=STOPPED, now=FIRST_NIGHT)
        reasons = [dict(zip(*one.ranked.select(KEYED).to_pydict().values(), strict=True)) for one in (past, listed)]
        assert reasons[0].keys() == reasons[1].keys(), "the same orders, at the same time"
        since = {name for name, why in reasons[1].items() if why == "settled_since"}
        assert since
        assert since <= paid_by_export(engine)
        assert "settled_since" not in reasons[0].values()
    assert payrec("run", "--payments-until", f"{STOPPED:%Y-%m-%d}") == 0
    assert "not later, because payments are known until then (--payments-until)" in capsys.readouterr().out
    out = str(site.folder / "list.csv")
    assert payrec("worklist", "--out", out) == 0


def test_who_declares_payments_complete_may_list_later_and_says_so_again(site: Site, payrec: Payrec) -> None:
    stop_payments(site)
    with site.open() as engine:
        engine.run("UPDATE raw_transactions SET payment_date = NULL")
    later, out = f"{STOPPED + 10 * DAY:%Y-%m-%d}", str(site.folder / "list.csv")
    assert payrec("run", "--payments-until", later) == 0
    assert payrec("worklist", "--out", out) == 3
    assert payrec("worklist", "--out", out, "--payments-until", later) == 0


def test_declared_payments_beyond_the_data_end_with_the_data(site: Site) -> None:
    with site.open() as engine:
        usual = public.score(engine, site.models, now=FIRST_NIGHT)
        assert public.score(engine, site.models, now=FIRST_NIGHT, payments_until=FIRST_NIGHT + DAY).run == usual.run


def test_feeds_that_stop_altogether_are_alarmed_on_the_next_night(
    site: Site, payrec: Payrec, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert payrec("run") == 0
    with receiving() as heard:
        monkeypatch.setenv("PAYREC_ALERTS", heard.url)
        assert payrec("run") == 0
        assert heard.got == []
        monkeypatch.setattr("payrec.cli.options.now", lambda: FIRST_NIGHT + 3 * HOUR + DAY)
        capsys.readouterr()
        assert payrec("run") == 1
        sentence = "the newest data are of 19 May 2026, 1.1 days ago: nothing new since the run of 2026-05-20 03:00 UTC"
        assert sentence in capsys.readouterr().out
        assert [sentence in one["text"] for one in heard.got] == [True]
        assert payrec("monitor") == 1
        assert sentence in capsys.readouterr().out
        assert payrec("run", "--as-of", str(FIRST_NIGHT)) == 0
        site.arrive(FIRST_NIGHT + DAY)
        capsys.readouterr()
        payrec("run")
        payrec("monitor")
        assert "nothing new since" not in capsys.readouterr().out
        assert payrec("monitor", "--json") in (0, 1)  # the day itself may have drifted
        figures = {one["metric"]: one["level"] for one in json.loads(capsys.readouterr().out)["verdicts"]}
        assert figures["silent_days"] == "ok"


def test_an_uploaded_export_is_refused_without_an_option_of_the_command_line(models: Path, tmp_path: Path) -> None:
    lines = ["order_id,customer_id,amount,currency,invoice_date,payment_date"]
    for day in range(100):
        made = STOPPED - 80 * DAY + day * DAY
        paid = f"{made + DAY:%Y-%m-%d}" if day < 78 else ""
        lines.append(f"o{day},c{day},10.00,EUR,{made:%Y-%m-%d},{paid}")
    file = upload.take(io.BytesIO("\n".join(lines).encode()), "orders.csv", tmp_path)
    inputs = upload_score.ScoringInputs(versions.champion(models), Policy(), None, FIRST_NIGHT)
    with pytest.raises(DataRefused) as refused:
        upload_score.score(file, inputs, None, lambda _: None)
    first, *_, last = str(refused.value).splitlines()
    assert first.startswith("payments end on 28 Apr 2026, 21 days before orders")
    assert last == "export the file again with the newer payments in it"


def test_fault_62_an_order_dated_ahead_is_named_and_moves_no_list(site: Site) -> None:
    before = site.night()
    with site.open() as engine:
        columns = "order_id, customer_id, amount, currency, invoice_date"
        engine.run(f"INSERT INTO raw_transactions ({columns}) VALUES ('ahead', 'c', 10, 'EUR', DATE '2027-03-01')")
    for as_of in (None, FIRST_NIGHT):
        with pytest.raises(DataRefused, match=r"ahead of 1 Mar 2027(.|\n)*--observed-until"):
            site.night(as_of, now=FIRST_NIGHT + 3 * HOUR)
    with site.open() as engine:
        public.build(engine, observed_until=before.published.run.as_of)
    after = site.night()
    assert after.published.run.as_of == before.published.run.as_of
    assert after.published.run.summary.data_until == before.published.run.summary.data_until
    assert after.ranked["order_id"].to_pylist() == before.ranked["order_id"].to_pylist()
