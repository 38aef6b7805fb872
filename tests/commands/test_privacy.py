"""One customer's data handed over or taken out, on each engine; lists that are older than they may be."""

from __future__ import annotations

import html
import json
import tempfile
import unicodedata
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from urllib.parse import quote
from uuid import UUID

import pyarrow as pa
import pyarrow.parquet
import pytest

from payrec.commands import holdout, privacy
from payrec.common.errors import Locked
from payrec.common.text import sql_literal
from payrec.data.engines import Engine
from payrec.data.load.targets import TRANSACTIONS
from payrec.publish import actions, details, ledger, lock, personal, saved_views
from payrec.publish.actions import Action
from payrec.publish.personal import Person
from payrec.publish.saved_views import SavedView
from payrec.simulate import simulator
from payrec.worklist.policy import Hold, Policy
from tests.commands.conftest import DAY, FIRST_NIGHT, Site
from tests.commands.test_night import served, store_of

Payrec = Callable[..., int]


def tables(site: Site) -> Iterator[tuple[str, pa.Table]]:
    """Each table that names customers or orders: of the database, of the published folder, kept beside a list."""
    with site.open() as engine, store_of(site) as store:
        for name in sorted(engine.tables()):
            yield name, engine.read(f"SELECT * FROM {name}")
        for one in store.runs():
            for name in details.NAMES:
                found = store.detail(one.run.run_id, name)
                if found is not None:
                    yield f"{one.run.run_id}/{name}", found
        for path in sorted(Path(site.folder).rglob("*.parquet")):
            yield str(path), pyarrow.parquet.read_table(path, partitioning=None)


def counts(site: Site, person: Person) -> dict[str, tuple[int, int]]:
    """Rows of a person and of all others, by table."""
    found = {}
    for name, table in tables(site):
        theirs = person.rows(table).num_rows
        found[name] = (theirs, table.num_rows - theirs)
    return found


@pytest.fixture(autouse=True)
def uploads(site: Site, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the folder in which sessions of the app keep uploads, instead of the one of this machine."""
    monkeypatch.setattr(tempfile, "tempdir", str(site.folder))
    return site.folder


@pytest.fixture
def someone(site: Site) -> Person:
    """A customer of the list of the first night, with all their orders."""
    listed = site.night().ranked.sort_by("rank")
    name = listed["customer_id"][0].as_py()
    with site.open() as engine:
        rows = engine.read(f"SELECT order_id FROM raw_transactions WHERE customer_id = '{name}'")
    return Person(name, frozenset(rows["order_id"].to_pylist()))


def test_fault_47_an_export_holds_every_row_of_one_customer(
    site: Site, someone: Person, payrec: Payrec, capsys: pytest.CaptureFixture[str]
) -> None:
    out = site.folder / "person.json"
    assert payrec("privacy", "export", someone.customer_id, "--out", str(out), "--json") == 0
    told = json.loads(capsys.readouterr().out)
    assert {row["order_id"] for row in told["raw_transactions"]} == someone.orders
    assert {row["order_id"] for row in told["raw_events"]} <= someone.orders
    before = counts(site, someone)
    for name in ("raw_transactions", "raw_events"):
        assert len(told[name]) == before[name][0]
    assert len(told["feature_view"]) == before["v_feature_view"][0] > 0
    assert {row["customer_id"] for row in told["lists"]} == {someone.customer_id}
    (beside,) = told["beside_lists"].values()
    assert {row["customer_id"] for row in beside["features"]} == {someone.customer_id}
    assert json.loads(out.read_text())["lists"] == told["lists"]


def test_fault_47_an_erasure_takes_out_one_customer_and_nobody_else(
    site: Site, someone: Person, payrec: Payrec, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PAYREC_PRIVACY_KEY", "a key of ours")
    site.arrive(FIRST_NIGHT + DAY)
    site.night(FIRST_NIGHT + DAY)
    before = counts(site, someone)
    assert payrec("privacy", "erase", someone.customer_id, "--json") == 0
    told = json.loads(capsys.readouterr().out)
    assert told["found"]
    assert told["raw"]["raw_transactions"] == before["raw_transactions"][0] > 0
    after = counts(site, someone)
    assert {name: theirs for name, (theirs, _) in after.items() if theirs} == {}
    # Spark's parts are new ones with the rows that are left; their tables are compared
    kept = {name for name in after if name not in ("payrec_ledger", "payrec_run_details") and "/parts/" not in name}
    assert {name: after[name][1] for name in kept} == {name: before[name][1] for name in kept}
    assert "v_feature_view" not in after, "it was made of the rows that are gone"
    with site.open() as engine:
        last = ledger.entries(engine)[-1]
        everything = json.dumps([vars(entry) for entry in ledger.entries(engine)], default=str)
    assert (last.what, last.subject) == ("privacy.erase", personal.tag(someone.customer_id, "a key of ours"))
    assert someone.customer_id not in everything
    assert payrec("privacy", "erase", someone.customer_id, "--json") == 0
    assert json.loads(capsys.readouterr().out)["found"] is False
    again = site.night(FIRST_NIGHT + DAY)
    assert not again.already_done
    assert someone.customer_id not in again.ranked["customer_id"].to_pylist()


def test_fault_47_without_a_key_the_audit_row_has_no_trace_of_the_id(
    site: Site, someone: Person, payrec: Payrec, capsys: pytest.CaptureFixture[str]
) -> None:
    assert payrec("privacy", "erase", someone.customer_id) == 0
    assert "taken out of raw_transactions" in capsys.readouterr().out
    with site.open() as engine:
        assert ledger.entries(engine)[-1].subject == ""


def test_fault_47_an_erasure_waits_for_no_run(site: Site, someone: Person, payrec: Payrec) -> None:
    with lock.held(site.url, site.folder, lock.Holder(1, "here", FIRST_NIGHT), 0.0):
        assert payrec("privacy", "erase", someone.customer_id) == Locked.exit_code


def test_fault_47_an_erasure_that_was_broken_off_is_ended_by_the_next(
    site: Site, someone: Person, payrec: Payrec, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(_: Engine) -> None:
        raise OSError

    with monkeypatch.context() as broken:
        broken.setattr(privacy.layers, "_clear", fails)
        assert payrec("privacy", "erase", someone.customer_id) != 0
    assert counts(site, someone)["raw_transactions"][0] == len(someone.orders)
    assert payrec("privacy", "erase", someone.customer_id) == 0
    assert {name: theirs for name, (theirs, _) in counts(site, someone).items() if theirs} == {}


@pytest.mark.parametrize("name", ["", "nobody", "x' OR '1'='1", '"; DROP TABLE raw_events; --', "a\0b"])
def test_fault_38_a_customer_id_is_a_value(site: Site, payrec: Payrec, name: str) -> None:
    with site.open() as engine:
        before = engine.fingerprint("raw_transactions"), engine.fingerprint("raw_events")
    assert payrec("privacy", "erase", name) == (0 if name and "\0" not in name else 2)
    with site.open() as engine:
        assert (engine.fingerprint("raw_transactions"), engine.fingerprint("raw_events")) == before


def test_fault_47_what_payrec_cannot_reach_is_told(
    site: Site, someone: Person, payrec: Payrec, capsys: pytest.CaptureFixture[str]
) -> None:
    (site.folder / "old").mkdir()
    (site.folder / "old" / "today.csv").write_text(f"1,{someone.customer_id}\n")
    with store_of(site) as store:
        (run_id,) = [one.run.run_id for one in store.runs()]
    folder = site.folder / ("published" if site.published else "app/copy")
    folder.mkdir(parents=True, exist_ok=True)
    line = {
        "at": "2026-05-20",
        "who": "ana",
        "file": "list.csv",
        "sha256": "0",
        "rows": 3,
        "run_id": run_id,
        "view": "",
    }
    (folder / "exports.jsonl").write_text(json.dumps(line) + "\n")
    assert payrec("privacy", "erase", someone.customer_id, "--json") == 0
    told = json.loads(capsys.readouterr().out)
    assert [one["file"] for one in told["exports"]] == ["list.csv"]
    assert told["mentioned_in"] == [str(site.folder / "old" / "today.csv")]


def test_fault_47_lists_that_are_older_than_the_setting_go_and_the_served_one_stays(site: Site) -> None:
    ids = []
    for night in range(3):
        site.arrive(FIRST_NIGHT + night * DAY)
        ids.append(site.night(FIRST_NIGHT + night * DAY).published.run.run_id)
    now = FIRST_NIGHT + 3 * DAY
    site.night(FIRST_NIGHT + 2 * DAY, now=now, retention_days=2)
    assert served(site) == [ids[2], ids[1]]
    site.night(FIRST_NIGHT + 2 * DAY, now=now + timedelta(days=400), retention_days=30, trust_clock=True)
    assert served(site) == [ids[2]]
    with store_of(site) as store:
        assert {row["run_id"] for row in store.verdicts().to_pylist()} == set(ids)
        assert store.detail(ids[0], "features") is None
    if site.published:
        assert [path.name for path in (site.published / "runs").iterdir()] == [ids[2]]


def test_fault_73_a_customer_who_is_kept_out_stays_out_of_later_loads(
    site: Site, payrec: Payrec, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = site.folder / "upstream"
    folder.mkdir()
    simulator.write(site.made, folder)
    name = site.made.transactions["customer_id"][0].as_py()
    assert payrec("privacy", "erase", name, "--keep-out") == 2
    assert "PAYREC_PRIVACY_KEY is not set" in capsys.readouterr().err
    monkeypatch.setenv("PAYREC_PRIVACY_KEY", "a key of ours")
    assert payrec("privacy", "erase", name, "--keep-out") == 0
    assert "later loads leave this customer out" in capsys.readouterr().out
    assert payrec("load", "transactions", str(folder / "transactions.csv"), "--tolerance", "1") == 0
    assert "of erased customers left out" in capsys.readouterr().out
    with site.open() as engine:
        assert name not in engine.read("SELECT customer_id FROM raw_transactions")["customer_id"].to_pylist()
    monkeypatch.setenv("PAYREC_PRIVACY_KEY", "another key")
    assert payrec("load", "transactions", str(folder / "transactions.csv"), "--tolerance", "1") == 2
    assert "docs/privacy.md" in capsys.readouterr().err
    monkeypatch.setenv("PAYREC_PRIVACY_KEY", "a key of ours")
    assert payrec("privacy", "export", name, "--json") == 0
    assert json.loads(capsys.readouterr().out)["kept_out"] is True


def test_columns_of_others_in_raw_tables_stop_no_request(
    site: Site, payrec: Payrec, capsys: pytest.CaptureFixture[str]
) -> None:
    name = site.made.transactions["customer_id"][0].as_py()
    with site.open() as engine:
        if engine.name == "postgres":
            generated = "twice numeric GENERATED ALWAYS AS (amount * 2) STORED"
            engine.run(f"ALTER TABLE raw_transactions ADD COLUMN doc json, ADD COLUMN {generated}")
            engine.run("UPDATE raw_transactions SET doc = '{}'")
        else:
            engine.run("ALTER TABLE raw_transactions ADD COLUMN doc JSON")
    assert payrec("privacy", "export", name, "--json") == 0
    assert set(json.loads(capsys.readouterr().out)["raw_transactions"][0]) == set(TRANSACTIONS.names())
    assert payrec("privacy", "erase", name) == 0
    with site.open() as engine:
        assert name not in engine.read("SELECT customer_id FROM raw_transactions")["customer_id"].to_pylist()


def test_uploads_are_searched_and_other_temporary_files_are_not(
    site: Site, payrec: Payrec, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch,
    tmp_path_factory: pytest.TempPathFactory,
) -> None:  # fmt: skip
    temporary = tmp_path_factory.mktemp("temporary")
    monkeypatch.setattr(tempfile, "tempdir", str(temporary))
    for name in ("payrec-upload-ab12", "payrec-of-another-site"):
        (temporary / name).mkdir()
        (temporary / name / "list.csv").write_text(f"1,{'c-upload'}\n")
    assert payrec("privacy", "erase", "c-upload", "--json") == 0
    assert json.loads(capsys.readouterr().out)["mentioned_in"] == [str(temporary / "payrec-upload-ab12" / "list.csv")]


HOSTILE = 'a"b,é'
EMAIL = "hostile@example.org"


@pytest.fixture
def hostile(site: Site) -> Person:
    """A customer whose id has to be quoted and escaped, in all that a site keeps: the list, a hold of its policy,
    an experiment, contacts, their own actions, texts about others."""
    with site.open() as engine:
        rows = engine.read("SELECT customer_id FROM raw_transactions WHERE payment_date IS NULL ORDER BY order_id")
        name = sql_literal(str(rows["customer_id"][0].as_py()))
        engine.run(f"UPDATE raw_transactions SET customer_id = {sql_literal(HOSTILE)} WHERE customer_id = {name}")
        mine = engine.read(f"SELECT order_id FROM raw_transactions WHERE customer_id = {sql_literal(HOSTILE)}")
        other, other_order = (
            engine.read(
                f"SELECT customer_id, order_id FROM raw_transactions WHERE customer_id <> {sql_literal(HOSTILE)} "
                "AND payment_date IS NULL ORDER BY order_id DESC LIMIT 1"
            )
            .to_pylist()[0]
            .values()
        )
        contacts = {"customer_id": [HOSTILE, other], "email": [EMAIL, None], "parent_id": [None, HOSTILE]}
        engine.write("raw_customers", pa.table(contacts), key=("customer_id",))
        event = {"event_id": "e-other", "order_id": other_order, "event_ts": FIRST_NIGHT - DAY, "event_type": "contact",
                 "detail": f"paid for by {HOSTILE}"}  # fmt: skip
        engine.write("raw_events", pa.Table.from_pylist([event]), key=("event_id",))
        holdout.start(engine, FIRST_NIGHT, without_check=True)
    about = Action(str(UUID(int=2)), FIRST_NIGHT, "ann", HOSTILE, "contacted", outcome="spoke", note="owes")
    with store_of(site) as store:
        actions.add(store, about, FIRST_NIGHT)
        for at, (name, query) in enumerate(((HOSTILE, None), ("x", f"q={quote(HOSTILE)}"), ("y", f"q={EMAIL}"))):
            saved_views.add(store, SavedView(str(UUID(int=at)), FIRST_NIGHT, "ann", name, query), FIRST_NIGHT)
    hold = Hold(name="lawyer", column="customer_id", values=(HOSTILE, "c-2"))
    site.night(policy=Policy(capacity={"total": 50}, hold=(hold,)))
    return Person(HOSTILE, frozenset(mine["order_id"].to_pylist()))


def forms_of(text: str) -> list[bytes]:
    """Every way in which a file may spell the id."""
    spelled = (text, text.replace('"', '""'), json.dumps(text)[1:-1], json.dumps(text, ensure_ascii=False)[1:-1],
               html.escape(text), text.encode("ascii", "xmlcharrefreplace").decode(), quote(text),
               unicodedata.normalize("NFD", text), EMAIL)  # fmt: skip
    return [one.encode(codec, "replace") for one in spelled for codec in ("utf-8", "utf-16-le", "utf-16-be", "cp1252")]


def bytes_of_site(site: Site) -> Iterator[tuple[str, bytes]]:
    """All that a site has on disk, also as it is unpacked."""
    for path in sorted(site.folder.rglob("*")):
        if path.is_file():
            yield str(path), path.read_bytes()
    for name, table in tables(site):
        yield (
            name,
            "\n".join(map(str, table.to_pylist())).encode() + json.dumps(table.to_pylist(), default=str).encode(),
        )
    if site.published is None:
        with site.open() as engine:
            engine.run("CHECKPOINT")
            names = (
                "SELECT CAST(pg_relation_filepath(oid) AS VARCHAR) AS f FROM pg_class WHERE relkind IN ('r', 't', 'i')"
            )
            for name in engine.read(f"{names} AND oid >= 16384")["f"].to_pylist():
                content = engine.read(f"SELECT pg_read_binary_file({sql_literal(name)}) AS c")["c"][0].as_py()
                yield name, content


def test_fault_59_no_byte_of_a_hostile_id_is_left(
    site: Site, hostile: Person, payrec: Payrec, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = site.folder / ("published" if site.published else "app/copy")
    folder.mkdir(parents=True, exist_ok=True)
    line = {"at": "2026-05-20", "who": HOSTILE, "file": "list.csv", "sha256": "0", "rows": 3, "run_id": "r",
            "view": f"q={quote(HOSTILE)}"}  # fmt: skip
    other = {**line, "who": "ana", "view": ""}
    (folder / "exports.jsonl").write_text("".join(json.dumps(one, ensure_ascii=False) + "\n" for one in (line, other)))
    if site.published:
        (site.published / ".damaged-old").write_text(HOSTILE)
    rejects = site.folder / "may.csv.rejects.csv"
    rejects.write_text(
        f'line,column,value,reason\r\n3,amount,"{HOSTILE.replace(chr(34), chr(34) * 2)}",bad\r\n4,amount,x,bad\r\n'
    )
    with site.open() as engine:
        ledger.add(engine, ledger.Entry(FIRST_NIGHT, "here", "export", HOSTILE, "failed", f"customer {HOSTILE}, twice"))
    about = Action(
        str(UUID(int=1)),
        FIRST_NIGHT,
        "ann",
        "c-2",
        "note",
        note=f"same office as {unicodedata.normalize('NFD', HOSTILE)}",
    )
    with store_of(site) as store:
        actions.add(store, about, FIRST_NIGHT)
    assert any(form in content for _, content in bytes_of_site(site) for form in forms_of(HOSTILE))
    capsys.readouterr()
    assert payrec("privacy", "erase", HOSTILE, "--json") == 0
    report = json.loads(capsys.readouterr().out)
    assert report["raw"]["raw_transactions"] == len(hostile.orders)
    assert (report["mentioned_in"], report["unreadable"], report["lines"]) == ([], [], 2)
    left = {name: form for name, content in bytes_of_site(site) for form in forms_of(HOSTILE) if form in content}
    assert left == {}
    assert rejects.read_text() == "line,column,value,reason\n4,amount,x,bad\n"
    kept = [json.loads(one) for one in (folder / "exports.jsonl").read_text().splitlines()]
    assert (kept[0]["rows"], kept[1]) == (3, other)
    assert payrec("privacy", "erase", HOSTILE, "--json") == 0
    assert json.loads(capsys.readouterr().out)["found"] is False
    assert site.night(FIRST_NIGHT + DAY).published.orders > 0


def test_after_an_erasure_a_full_export_shows_a_whole_list_again(site: Site, someone: Person, payrec: Payrec) -> None:
    before = site.night()
    assert payrec("privacy", "erase", someone.customer_id) == 0
    site.arrive(FIRST_NIGHT)  # the upstream still has the customer
    after = site.night()
    assert not after.already_done
    assert after.ranked["order_id"].to_pylist() == before.ranked["order_id"].to_pylist()
    with store_of(site) as store:
        newest, erased = store.runs()
        assert store.scores(newest.run.run_id).num_rows == newest.orders
        assert store.scores(erased.run.run_id).num_rows < newest.orders
    assert site.night().already_done
