"""Every page in every state, by Streamlit's own test runner: empty, filled, bad input, a database that is gone."""

from __future__ import annotations

import gc
import json
import re
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any
from uuid import UUID

import pyarrow as pa
import pyarrow.parquet
import pytest
from streamlit import config
from streamlit.testing.v1 import AppTest

from payrec.app import formatting, list_query, list_source, main, state, work_table
from payrec.commands import app as web
from payrec.common.settings import Settings
from payrec.publish import actions
from payrec.publish.store import open_store
from tests.commands.test_work_lists import publish

WAIT_S = 60
PAGES = ("worklist", "score_file", "customer", "order", "team", "forecast", "brings", "model", "health", "connect")


def page(name: str, **query: str) -> AppTest:
    """Run one page as the app runs it."""

    def script(name: str) -> None:
        from importlib import import_module

        from payrec.app import parts

        with parts.errors():
            import_module(f"payrec.app.views.{name}_page").show()

    test = AppTest.from_function(script, default_timeout=WAIT_S, kwargs={"name": name})
    for key, value in query.items():
        test.query_params[key] = value
    return test.run()


def figures(test: AppTest) -> dict[str, str]:
    return {one.label: one.value for one in test.metric}


def said(test: AppTest) -> str:
    return "\n".join(one.value for kind in (test.info, test.warning, test.error, test.success) for one in kind)


@pytest.mark.parametrize("name", PAGES)
def test_a_page_with_data_has_no_error(home: Path, name: str) -> None:
    test = page(name)
    assert not test.exception
    assert not test.error or name == "health"  # which tells alarms
    assert "Internal error" not in said(test)
    assert test.title[0].value


@pytest.mark.parametrize("name", PAGES)
def test_an_empty_page_says_what_to_do_next(empty: Path, name: str) -> None:
    test = page(name)
    assert not test.exception
    assert not test.error
    if name != "score_file":  # it asks for a file
        assert "payrec run" in said(test) or "payrec train" in said(test)


@pytest.mark.parametrize("name", ["worklist", "order", "health", "connect"])
def test_a_lost_database_is_one_sentence_with_the_way_out(
    empty: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setenv("PAYREC_DATABASE", "postgresql://someone:hunter2@127.0.0.1:9/none")
    test = page(name)
    assert not test.exception
    assert len(test.error) == 1
    assert "hunter2" not in said(test)


def test_a_damaged_list_is_one_sentence_with_the_way_out(empty: Path, filled: Path) -> None:
    folder = empty / "out" / "published"
    shutil.copytree(filled / "out" / "published", folder)
    file = folder / "runs" / json.loads((folder / "current").read_text())["current"] / "scores.parquet"
    file.write_bytes(file.read_bytes()[:-9])
    test = page("worklist")
    assert not test.exception
    assert "damaged" in test.error[0].value
    assert "payrec run" in test.error[0].value


def test_a_damaged_pointer_hides_no_list(empty: Path, filled: Path) -> None:
    folder = empty / "out" / "published"
    shutil.copytree(filled / "out" / "published", folder)
    before = figures(page("worklist"))
    (folder / "current").write_text("{nonsense")
    assert figures(page("worklist")) == before


def test_the_app_starts_on_the_worklist(home: Path) -> None:
    test = AppTest.from_file(str(main.__file__), default_timeout=WAIT_S).run()
    assert not test.exception
    assert test.title[0].value == "Worklist"


def test_the_first_view_is_the_published_one(home: Path) -> None:
    current = list_source.look(list_source.configured(Settings())).current
    test = page("worklist", by="Orders")
    assert figures(test)["Orders to work"] == f"{current.prioritised:,}"
    assert f"of {current.ranked:,} ranked, {current.orders:,} open" in [one.value for one in test.caption]


def test_a_smaller_capacity_keeps_the_data(home: Path) -> None:
    test = page("worklist", by="Orders")
    before = figures(test)["Open"]
    test.number_input("k").set_value(7).run()
    assert figures(test) == figures(test) | {"Orders to work": "7", "Open": before}


def test_a_link_shows_the_view_again(home: Path) -> None:
    country = list_query.choices(state.list_file()).values["country"][0]
    first = page("worklist", k="5", country=country)
    assert first.number_input("k").value == 5
    assert first.multiselect("country").value == [country]
    again = page("worklist", k="5", country=country)
    assert figures(again) == figures(first)


@pytest.mark.parametrize("query", [{"k": "lots"}, {"country": "nowhere"}, {"from": "x"}, {"part": "<b>"}])
def test_a_strange_link_is_answered_and_shows_the_whole_list(home: Path, query: dict[str, str]) -> None:
    test = page("worklist", **query)
    assert not test.exception
    assert figures(test) == figures(page("worklist"))
    assert ("does not have" in said(test)) == bool({"country", "part"} & set(query))


def test_nothing_passes_the_filters(home: Path) -> None:
    test = page("worklist", by="Orders", find="no such order")
    assert "Remove a filter" in said(test)


def test_orders_not_contacted_have_their_reasons(home: Path) -> None:
    test = page("worklist", by="Orders", part="Not contacted")
    counts = test.dataframe[0].value
    assert {"Reason", "Orders", "What would lift it (an example)"} <= set(counts.columns)
    assert "chargeback" in counts["Reason"].tolist()


def test_the_first_view_is_the_published_list_of_customers(home: Path) -> None:
    flagged = pyarrow.parquet.read_table(state.detail_file("customers"))["priority_flag"].to_pylist().count(1)
    assert figures(page("worklist"))["To do"] == f"{flagged:,}"


def test_a_view_is_saved_under_a_name_opened_by_others_and_deleted(home: Path) -> None:
    test = page("worklist", k="5", sort="Customer", find="c00")
    test.text_input("view_name").set_value("A <b> view").run()
    other = page("worklist", k="3", country="nowhere")
    other.button("view_A <b> view").click().run()
    assert not other.exception
    assert (other.number_input("k").value, other.selectbox("sort").value, other.text_input("find").value) == (
        5, "Customer", "c00",
    )  # fmt: skip
    other.button("drop_A <b> view").click().run()
    assert "view_A <b> view" not in [one.key for one in page("worklist").button]


def test_a_customer_has_a_page_with_all_that_happened(home: Path) -> None:
    customers = pyarrow.parquet.read_table(state.detail_file("customers")).to_pylist()
    first = next(one for one in customers if one["rank"] == 1)
    test = page("customer", id=first["customer_id"])
    assert figures(test)["Outstanding"] == formatting.exact_money(first["outstanding_value"], first["ev_currency"])
    assert "What happened" in [one.value for one in test.subheader]


def test_an_order_has_a_story(home: Path) -> None:
    name = page("order").button[0].label
    test = page("order", id=name)
    told = figures(test)
    assert told["Chance"].endswith("%")
    assert told["Age"].endswith("days")
    headings = [one.value for one in test.subheader]
    assert headings == [
        "Why this chance",
        "Chance by day",
        "Chance at each run",
        "What happened",
        "Similar past orders",
    ]


def test_an_unknown_order_is_told(home: Path) -> None:
    test = page("order", id="<img src=x onerror=alert(1)>")
    assert "is not on the list" in said(test)
    assert "<img" not in said(test)


def test_the_sample_is_scored(home: Path) -> None:
    test = page("score_file")
    next(one for one in test.button if one.label == "Try the sample file").click().run()
    next(one for one in test.button if one.label == "Score").click().run()
    assert not test.exception
    assert not test.error
    assert int(figures(test)["Orders to work"]) > 0


def test_a_file_is_ranked_by_rule_where_there_never_was_a_model(empty: Path) -> None:
    rows = [
        f"o{at},c{at % 7},{at + 10},EUR,2026-06-{1 + at % 20:02},{'2026-06-28' if at % 3 else ''}" for at in range(90)
    ]
    text = "\n".join(["order_id,customer_id,amount,currency,invoice_date,payment_date", *rows, ""])
    test = page("score_file")
    test.file_uploader[0].upload("orders.csv", text.encode(), "text/csv").run()
    next(one for one in test.button if one.label == "Score").click().run()
    assert not test.error
    assert int(figures(test)["Orders to work"]) == 30
    assert any("Ranked by rule" in one.value for one in test.caption)
    assert not (empty / "models").exists()


def test_a_file_is_not_ranked_by_rule_where_the_model_was_lost(empty: Path, filled: Path) -> None:
    shutil.copytree(filled / "out", empty / "out")
    test = page("score_file")
    test.file_uploader[0].upload(
        "open.csv",
        b"order_id,customer_id,amount,currency,invoice_date,payment_date\n1,a,9,EUR,2026-06-01,\n",
        "text/csv",
    ).run()
    next(one for one in test.button if one.label == "Score").click().run()
    assert "payrec train" in said(test)


@pytest.mark.parametrize(
    ("name", "content", "told"),
    [
        ("report.csv", b"%PDF-1.7 something", "a PDF"),
        ("book.csv", b"PK\x03\x04[Content_Types].xml", "workbook"),
        ("nothing.csv", b"", "is empty"),
    ],
)
def test_a_bad_file_is_refused_with_a_sentence(home: Path, name: str, content: bytes, told: str) -> None:
    test = page("score_file")
    test.file_uploader[0].upload(name, content, "text/csv").run()
    assert not test.exception
    assert told in said(test)


def score_button(test: AppTest) -> Any:
    return next(one for one in test.button if one.label == "Score")


def test_columns_of_other_names_are_matched_by_hand(home: Path) -> None:
    content = b"Invoice;Client;Total;Date\nA1;c1;10,50;01.06.2026\nA2;c1;20,00;24.06.2026\n"
    test = page("score_file")
    test.file_uploader[0].upload("other.csv", content, "text/csv").run()
    assert "Choose the columns" in said(test)
    assert test.selectbox("map_order_id").value == "Invoice"
    assert test.selectbox("map_payment_date").value is None
    assert score_button(test).disabled
    test.selectbox("map_payment_date").set_value("(empty: all are unpaid)").run()
    test.selectbox("map_currency").set_value("(one currency for all)").run()
    test.selectbox("map_dates").set_value("31.12.2026")
    test.selectbox("map_decimals").set_value("1.234,56").run()
    score_button(test).click().run()
    assert not test.exception
    assert figures(test)["Open"] == "€30.50"


def test_a_file_whose_paid_orders_would_count_as_open_is_stopped_with_a_question(home: Path) -> None:
    header = b"order_id,customer_id,amount,currency,invoice_date,payment_date,Settled on"
    rows = [f"o{at},c{at},10.00,EUR,2026-06-2{at},,{'2026-06-25' if at else ''}".encode() for at in range(4)]
    test = page("score_file")
    test.file_uploader[0].upload("paid.csv", b"\n".join([header, *rows]), "text/csv").run()
    score_button(test).click().run()
    assert "Settled on" in said(test)
    test.selectbox("map_payment_date").set_value("Settled on").run()
    score_button(test).click().run()
    assert not test.exception
    assert figures(test)["Open"] == "€10.00"


def test_an_export_of_a_known_source_is_scored_in_one_click(home: Path) -> None:
    header = (
        "id,Created date (UTC),Amount,Amount Refunded,Currency,Status,Seller Message,Customer ID,Customer Email,"
        "Invoice ID,Decline Reason"
    )
    charge = "{},2026-06-20 10:00:00,25.00,0.00,eur,{},Payment complete.,{},a@example.com,{},{}"
    rows = [
        charge.format("ch_1", "Paid", "cus_1", "in_1", ""),
        charge.format("ch_2", "Failed", "cus_2", "in_2", "insufficient_funds"),
    ]
    test = page("score_file")
    test.file_uploader[0].upload("unified_payments.csv", "\n".join([header, *rows]).encode(), "text/csv").run()
    assert "payments export" in said(test)
    score_button(test).click().run()
    assert not test.exception
    assert figures(test)["Open"] == "€25.00"


def test_a_part_of_the_list_is_drawn_only_where_it_is_asked_for(home: Path) -> None:
    first, months = page("worklist", by="Orders"), page("worklist", by="Orders", part="Billing months")
    assert "months_currency" not in [one.key for one in first.selectbox]
    assert "months_currency" in [one.key for one in months.selectbox]
    assert figures(first)["Recovery rate"] == figures(months)["Recovery rate"]
    assert figures(first)["Recovery rate"].endswith("%")


def test_a_list_published_meanwhile_is_seen_by_the_next_look(empty: Path, filled: Path) -> None:
    shutil.copytree(filled / "out" / "published", empty / "out" / "published")
    test = page("worklist")
    pointer = empty / "out" / "published" / "current"
    told = json.loads(pointer.read_text())
    order = [*told["before"], told["current"]]
    pointer.write_text(json.dumps({"current": order[0], "before": order[1:]}))
    before, after = test.caption[0].value, test.run().caption[0].value
    assert "27 Jun 2026" in before
    assert "25 May 2026" in after


def test_what_is_loaded_is_not_walked_over_again_after_every_move(home: Path) -> None:
    gc.unfreeze()
    state.settle.clear()
    test = AppTest.from_file(str(main.__file__), default_timeout=WAIT_S).run()
    loaded = gc.get_freeze_count()
    assert loaded > 10_000
    test.number_input("k").set_value(7).run()
    assert gc.get_freeze_count() <= loaded, "once a page, not with each move"
    gc.unfreeze()


def test_health_tells_the_newest_run(home: Path) -> None:
    test = page("health")
    runs = next(one.value for one in test.dataframe if "Monitoring" in one.value.columns)
    assert len(runs) == 3
    assert figures(test)["Data until"] == "30 Jun 2026"


def test_who_is_listed_without_sign_in_lets_nobody_in(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PAYREC_APP_USERS", "ana@example.com")
    test = AppTest.from_file(str(main.__file__), default_timeout=WAIT_S).run()
    assert "no sign-in is configured" in said(test)
    assert not test.metric


def test_an_app_that_others_reach_shows_nothing_without_sign_in(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config.set_option("server.address", "0.0.0.0")
    test = AppTest.from_file(str(main.__file__), default_timeout=WAIT_S).run()
    assert "no sign-in is configured" in said(test)
    assert not test.metric
    monkeypatch.setattr(sys, "argv", ["main.py", web.WITHOUT_SIGN_IN])
    assert AppTest.from_file(str(main.__file__), default_timeout=WAIT_S).run().metric


def test_connect_never_shows_a_password(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PAYREC_APP_CONNECTIONS", "other=postgresql://ana@127.0.0.1:9/none")
    test = page("connect")
    next(one for one in test.text_input if one.label == "Password").set_value("hunter2")
    test.button[0].click().run()
    assert len(test.error) == 1
    assert "hunter2" not in said(test)
    assert "hunter2" not in json.dumps(dict(test.query_params))


def test_a_forged_action_is_refused_in_one_sentence_and_every_other_is_recorded_once_under_the_own_name(
    empty: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def script(sent: object) -> None:
        import streamlit as st

        from payrec.app import work_table

        st.session_state[work_table.KEY] = {"act": {"actions": sent}}
        work_table._record()

    monkeypatch.setenv("LOGNAME", "kim")
    note = {"action_id": str(UUID(int=1)), "kind": "note", "customer_id": "c1", "note": "=1+1 <script>"}
    forged = [
        note | {"by": "the boss", "at": "2020-01-01", "recorded_at": "2020-01-01"},
        note | {"action_id": str(UUID(int=2)), "note": "x" * 10_000_000},
        note | {"action_id": str(UUID(int=3)), "kind": "paid"},
        note | {"action_id": str(UUID(int=4)), "customer_id": {"c1": 1}},
        note | {"action_id": str(UUID(int=5)), "kind": "promised", "amount": "many", "until": "2999-01-01"},
        note | {"action_id": str(UUID(int=6)), "kind": "snoozed", "until": "soon"},
        note | {"action_id": "7"},
        note | {"action_id": str(UUID(int=8)), "kind": "undone", "action": str(UUID(int=99))},
        note,
    ]
    test = AppTest.from_function(script, default_timeout=WAIT_S, kwargs={"sent": forged}).run()
    assert not test.exception
    problems = [str(one).splitlines()[0] for one in test.session_state[work_table.PROBLEMS]]
    expected = (
        "10,000,000|1,001 characters",
        "does not send",
        "does not send",
        "amount many",
        "soon",
        "id 7",
        "to undo",
    )
    assert len(problems) == len(expected)
    assert all(re.search(words, problem) for words, problem in zip(expected, problems, strict=True))
    assert test.session_state[work_table.ACKNOWLEDGED] == [one["action_id"] for one in forged[:-1]]
    (stored,) = actions.read(open_store(empty / "out" / "published"))
    assert (stored.by, stored.note, stored.at) == ("kim", note["note"], stored.recorded_at)


def test_a_contact_with_a_held_out_customer_is_recorded_and_its_author_is_warned(
    empty: Path, open_orders: Callable[..., pa.Table]
) -> None:
    def script(sent: object) -> None:
        import streamlit as st

        from payrec.app import customer_view, work_table

        st.session_state[work_table.KEY] = {"act": {"actions": sent}}
        work_table._record()
        customer_view.problems()

    store = open_store(empty / "out" / "published")
    publish(store, open_orders({"order_id": "o1", "customer_id": "bob"}), held_out=("bob",))
    call = {"action_id": str(UUID(int=1)), "kind": "contacted", "customer_id": "bob", "outcome": "spoke"}
    test = AppTest.from_function(script, default_timeout=WAIT_S, kwargs={"sent": [call]}).run()
    (warning,) = test.toast
    said = warning.value.replace("\\", "")  # Markdown
    assert said == "customer bob is held out: the contact is recorded, and weakens what the experiment can say"
    assert [one.outcome for one in actions.read(store)] == ["spoke"]
