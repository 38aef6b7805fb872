"""Every command as a user runs it: what it prints, what it writes, and its exit code."""

from __future__ import annotations

import csv
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from payrec.cli import VERBS
from payrec.data.engines import connect
from tests.cli.conftest import Done, payrec

Run = Callable[..., Done]
BACKTEST_KEYS = {
    "rows", "base_rate", "pr_auc", "roc_auc", "brier", "brier_skill", "log_loss", "ece", "lift_at_k", "value_at_k",
    "baselines", "ci95", "folds", "horizon_days", "embargo_days", "recipe", "excluded",
}  # fmt: skip
SCORE_COLUMNS = [
    "run_id", "as_of", "order_id", "customer_id", "amount", "currency", "outstanding", "p_recover_30d", "ev_recovered",
    "rank", "priority_flag", "suppressed_reason", "reason_1", "reason_2", "reason_3", "model_id", "scored_at",
]  # fmt: skip


@pytest.mark.parametrize("verb", [v.__name__ for v in VERBS] + ["models"])
def test_every_verb_explains_itself(run: Run, verb: str) -> None:
    done = run(verb, "--help")
    assert done.code == 0
    assert "Usage: payrec" in done.out


def test_demo_tells_what_it_did_and_where_the_files_are(made: Path) -> None:
    told = json.loads((made / "demo.json").read_text())
    assert told["rows"]["raw_transactions"] == 4000
    assert all((made / path).exists() for path in told["files"].values())
    assert told["truth"]["came_back"] <= told["truth"]["best_possible"]
    assert told["value"]["EUR"]["chosen"] <= 200


def test_the_second_demo_does_only_what_is_new(own: Path) -> None:
    before = json.loads((own / "demo.json").read_text())
    again = payrec(own, "demo", "--orders", "4000", "--json")
    assert again.code == 0
    assert again.json["run_id"] == before["run_id"]
    assert "training" not in again.err
    assert payrec(own, "models", "list", "--json").json["models"][0]["model_id"] == before["model_id"]


def test_demo_does_not_touch_a_database_that_is_not_its_own(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text(
        "order_id,customer_id,amount,currency,invoice_date,payment_date\nA-1,me,10.00,EUR,2026-01-01,\n"
    )
    assert payrec(tmp_path, "load", "transactions", "t.csv").code == 0
    done = payrec(tmp_path, "demo", "--orders", "2000")
    assert done.code == 2
    assert "1 orders in the database that the demo did not simulate" in done.err


def test_load_shows_the_plan_and_accounts_for_every_row(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text(
        "order_id;customer_id;amount;currency;invoice_date;payment_date\n"
        "A;me;10.00;EUR;2026-01-01;2026-01-05\nB;me;ten;EUR;2026-01-01;\nA;me;10.00;EUR;2026-01-01;2026-01-05\n"
    )
    done = payrec(tmp_path, "load", "transactions", "t.csv", "--tolerance", "0.5")
    assert done.code == 0
    assert "semicolon" in done.err
    assert "3 rows = 1 loaded + 1 rejected + 1 exact duplicate" in done.out
    assert "ten" in (tmp_path / "out" / "t.rejects.csv").read_text()


def test_load_refuses_with_exit_3_and_loads_nothing(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("order_id,customer_id,amount\nA,me,10.00\n")
    done = payrec(tmp_path, "load", "transactions", "t.csv")
    assert done.code == 3
    assert "currency" in done.err
    assert "Traceback" not in done.err


def test_check_says_what_is_unsafe_and_exits_3(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text(
        "order_id,customer_id,amount,currency,invoice_date,payment_date\nA,me,10.00,EUR,2026-01-01,\n"
    )
    payrec(tmp_path, "load", "transactions", "t.csv")
    done = payrec(tmp_path, "check", "--json")
    assert done.code == 3
    assert done.json["safe"] is False
    assert [f["code"] for f in done.json["findings"] if f["level"] == "refuse"] == ["too_few_rows"]
    assert "expected: at least 200 rows" in payrec(tmp_path, "check").out


def test_check_of_sound_data_is_fine(own: Path) -> None:
    done = payrec(own, "check", "--json")
    assert (done.code, done.json["safe"]) == (0, True)
    assert "final_columns_left_out" in {f["code"] for f in done.json["findings"]}


def test_build_counts_its_layers(own: Path) -> None:
    done = payrec(own, "build", "--as-of", "2026-06-01", "--json")
    assert done.code == 0
    assert done.json["rows"]["features"] == done.json["rows"]["snapshots"] == done.json["rows"]["labels"]
    assert done.json["as_of"] == ["2026-06-01T00:00:00"]


def test_backtest_keeps_its_contract(own: Path) -> None:
    done = payrec(
        own, "backtest", "--recipe", "original", "--split", "2026-02-01", "--until", "2026-05-01", "--ages", "0,7",
        "--predictions", "p.parquet", "--json",
    )  # fmt: skip
    assert done.code == 0, done.err
    assert set(done.json) >= BACKTEST_KEYS
    assert set(done.json["baselines"]) >= {"random", "oldest_first", "amount", "history_rate"}
    rows = pq.read_table(own / "p.parquet")
    assert rows.num_rows == done.json["rows"]
    assert rows.column_names[:9] == [
        "order_id", "customer_id", "as_of", "age_days", "fold", "amount", "currency", "p_recover", "label",
    ]  # fmt: skip
    assert set(rows["age_days"].to_pylist()) == {0, 7}
    assert min(rows["as_of"].to_pylist()).isoformat() >= "2026-02-01"


def test_score_writes_a_timestamped_list_in_the_contracts_columns(own: Path) -> None:
    done = payrec(own, "score", "--as-of", "2026-06-15", "--json")
    assert done.code == 0, done.err
    with (own / done.json["file"]).open() as file:
        rows = list(csv.DictReader(file))
    assert list(rows[0])[:17] == SCORE_COLUMNS
    assert {r["as_of"] for r in rows} == {"2026-06-15 00:00:00"}
    ranked = [r for r in rows if r["rank"]]
    assert [int(r["rank"]) for r in ranked] == list(range(1, len(ranked) + 1))
    assert all(r["suppressed_reason"] for r in rows if not r["rank"])


def test_score_says_so_when_nothing_is_open(own: Path) -> None:
    done = payrec(own, "score", "--as-of", "2023-01-01")
    assert done.code == 0, done.err
    assert "nothing to score" in done.out


def test_score_of_an_exported_feature_view_needs_no_database(own: Path) -> None:
    with connect(f"duckdb:///{own / 'out' / 'payrec.duckdb'}") as engine:
        rows = engine.read("SELECT * FROM v_feature_view WHERE as_of = TIMESTAMP '2026-06-30 00:00:00'")
    with (own / "view.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, rows.column_names)
        writer.writeheader()
        writer.writerows(rows.to_pylist())
    by_database = payrec(own, "score", "--as-of", "2026-06-30", "--out", "a.parquet")
    by_file = payrec(own, "score", "--features", "view.csv", "--out", "b.parquet", PAYREC_DATABASE="duckdb:////nowhere")
    assert (by_database.code, by_file.code) == (0, 0), by_file.err
    columns = ["order_id", "p_recover_30d"]
    found = [
        dict(zip(*pq.read_table(own / f, columns=columns).to_pydict().values(), strict=True))
        for f in ("a.parquet", "b.parquet")
    ]
    assert found[0] == found[1]


@pytest.mark.parametrize("suffix", [".csv", ".xlsx", ".parquet"])
def test_worklist_exports_the_first_k(run: Run, tmp_path: Path, suffix: str) -> None:
    out = tmp_path / f"list{suffix}"
    done = run("worklist", "--capacity", "7", "--out", str(out), "--json")
    assert (done.code, done.json["rows"]) == (0, 7)
    assert out.stat().st_size > 0


def test_worklist_without_a_published_list_says_what_to_do(tmp_path: Path) -> None:
    done = payrec(tmp_path, "worklist", "--out", "x.csv")
    assert done.code == 2
    assert "payrec run" in done.err


def test_explain_adds_up(own: Path) -> None:
    with (own / "out" / "demo" / "worklist.csv").open() as file:
        first = next(csv.DictReader(file))
    done = payrec(own, "explain", first["top_order_id"], "--json")
    assert done.code == 0, done.err
    total = done.json["base"] + sum(s["points"] for s in done.json["steps"])
    assert total == pytest.approx(done.json["p_recover_30d"], abs=1e-9)
    assert payrec(own, "worklist", "--by", "order", "--out", "orders.csv").code == 0
    with (own / "orders.csv").open() as file:
        chances = {row["order_id"]: float(row["p_recover_30d"]) for row in csv.DictReader(file)}
    assert done.json["p_recover_30d"] == pytest.approx(chances[first["top_order_id"]], abs=1e-6)
    assert payrec(own, "explain", "nobody'; DROP TABLE raw_events").code == 2


def test_report_is_one_file_with_its_card(own: Path) -> None:
    done = payrec(own, "report", "--out", "r/report.html", "--json")
    assert done.code == 0, done.err
    assert "<svg" in (own / "r" / "report.html").read_text()
    assert json.loads((own / "r" / "card.json").read_text())


def test_models_are_listed_shown_and_rolled_back(own: Path) -> None:
    first = payrec(own, "models", "list", "--json").json["models"][0]["model_id"]
    assert payrec(own, "models", "rollback").code == 2
    trained = payrec(own, "train", "--recipe", "original", "--json")
    assert trained.code in (0, 4), trained.err
    second = trained.json["model_id"]
    assert payrec(own, "models", "promote", second, "--json").json["champion"] == second
    assert payrec(own, "models", "rollback", "--json").json["champion"] == first
    assert second in payrec(own, "models", "show", second).out


def test_a_changed_byte_is_exit_7(own: Path) -> None:
    champion = json.loads((own / "models" / "champion").read_text())["champion"]
    path = own / "models" / champion / "model.json"
    path.write_bytes(path.read_bytes().replace(b"0", b"1", 1))
    done = payrec(own, "score")
    assert done.code == 7
    assert len(done.err.splitlines()) <= 3


def test_monitor_shows_the_published_run(run: Run) -> None:
    done = run("monitor", "--json")
    assert done.code == 0, done.err
    assert {v["metric"] for v in done.json["verdicts"]} >= {"rows", "suppressed_share"}


def test_sql_lists_and_prints_every_file(run: Run) -> None:
    files = run("sql", "--json").json["files"]
    assert "20_snapshots.sql" in files
    assert "CREATE TABLE snapshots" in run("sql", "snapshots").out
    assert run("sql", "nonsense").code == 2


def test_a_database_that_does_not_answer_is_exit_6_without_its_password(tmp_path: Path) -> None:
    done = payrec(tmp_path, "check", "--database", "postgresql://me:s3cret-word@127.0.0.1:1/none")
    assert done.code == 6
    assert "s3cret-word" not in done.err + done.out
    assert len(done.err.splitlines()) <= 3


def test_wrong_words_are_exit_2(run: Run) -> None:
    assert run("train", "--recipe", "magic").code == 2
    assert run("check", "--database", "mysql://x/y").code == 2
    assert run("build", "--as-of", "yesterday").code == 2
    assert run("nonsense").code == 2


def test_the_original_settings_still_name_the_database(tmp_path: Path) -> None:
    done = payrec(
        tmp_path, "check", PAYREC_DB_HOST="127.0.0.1", PAYREC_DB_PORT="1", PAYREC_DB_NAME="x", PAYREC_DB_USER="me",
        PAYREC_DB_PASS="s3cret-word",
    )  # fmt: skip
    assert done.code == 6
    assert "s3cret-word" not in done.err


def test_a_stopped_command_cleans_up(tmp_path: Path) -> None:
    """SIGTERM, as from a service manager, ends by way of every `finally`, with the code that shells expect."""
    program = (
        "import os, signal\n"
        "from payrec import cli\n"
        "@cli.app.command()\n"
        "def wait():\n"
        "    try:\n"
        "        os.kill(os.getpid(), signal.SIGTERM)\n"
        "        signal.pause()\n"
        "    finally:\n"
        "        print('cleaned up')\n"
        "cli.main()\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, "wait"], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout, done.stderr) == (143, "cleaned up\n", "")


def test_a_past_night_is_served_only_if_asked_to(own: Path) -> None:
    served = payrec(own, "worklist", "--out", "a.csv", "--json").json["run_id"]
    past = payrec(own, "run", "--as-of", "2026-06-20", "--trust-clock", "--json")
    assert past.code in (0, 1), past.err
    assert past.json["run_id"].startswith("20260620")
    assert payrec(own, "worklist", "--out", "b.csv", "--json").json["run_id"] == served
    asked = payrec(own, "run", "--as-of", "2026-06-20", "--trust-clock", "--serve", "--json")
    assert asked.code in (0, 1), asked.err
    assert payrec(own, "worklist", "--out", "c.csv", "--json").json["run_id"] == past.json["run_id"]
