"""Each command line command is the Python function of its name: same arguments, same defaults, same errors."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import fields
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from typer.main import get_command

import payrec
from payrec import cli
from payrec.cli.effect import effect_app
from payrec.cli.holdout import holdout_app
from payrec.cli.models import models_app
from payrec.cli.privacy import privacy_app
from payrec.cli.sources import sources_app
from payrec.commands.app import server_command
from payrec.common import errors
from payrec.common.settings import Settings
from payrec.simulate.complications import RATES, complications

NOW = datetime.fromisoformat("2026-07-01T06:00:00")
CLI_ONLY = {
    "team", "per",
    "url", "as_json", "features", "replay", "kind", "files", "map_file", "encoding", "tolerance", "stated_at",
    "complete", "with_names", "stop_payments_days", "missing_month", "from_url", "write_map", "order", "customer",
    "contact_effect", "weekly_shock", "held_out",
}  # fmt: skip
"""Where the database is, how to print, another function (score_file, replay, explain_customer, team, load.source,
load.write_map), which files and how they are read (load.Options), what is simulated (complications, behaviour)."""
GROUPS = ("effect", "holdout", "models", "privacy", "sources")
FROM_SETTINGS = {
    "horizon_days": "horizon_days", "landmark_ages": "landmark_ages", "seed": "seed", "max_rows": "train_max_rows",
    "models": "models_dir", "published": "published_dir", "lock_folder": "out_dir", "out_folder": "out_dir",
    "policy": "policy", "retention_days": "retention_days",
}  # fmt: skip
OWN_DEFAULT = {"out", "rejects", "reporting_currency"}  # file names that the command line derives, or one kind's option
DOORS: dict[str, tuple[Callable[..., Any], Callable[..., Any]]] = {
    **{
        verb.__name__: (verb, getattr(payrec, verb.__name__))
        for verb in cli.VERBS
        if verb.__name__ not in ("load", "app")
    },
    "load": (next(v for v in cli.VERBS if v.__name__ == "load"), payrec.load.fx),
    "app": (next(v for v in cli.VERBS if v.__name__ == "app"), server_command),
    **{f"models {c.name}": (c.callback, getattr(payrec.models, str(c.name))) for c in models_app.registered_commands},
    **{
        f"sources {c.name}": (c.callback, getattr(payrec.sources, str(c.name))) for c in sources_app.registered_commands
    },
    **{f"effect {c.name}": (c.callback, getattr(payrec.effect, str(c.name))) for c in effect_app.registered_commands},
    **{
        f"holdout {c.name}": (c.callback, getattr(payrec.holdout, str(c.name))) for c in holdout_app.registered_commands
    },
    **{
        f"privacy {c.name}": (c.callback, getattr(payrec.privacy, str(c.name))) for c in privacy_app.registered_commands
    },
}  # type: ignore[dict-item]


def defaults(function: Callable[..., Any]) -> dict[str, Any]:
    return {name: p.default for name, p in inspect.signature(function).parameters.items()}


@pytest.mark.parametrize("name", DOORS)
def test_a_command_has_the_arguments_and_defaults_of_its_function(name: str) -> None:
    command, function = (defaults(door) for door in DOORS[name])
    if name == "load":
        function |= {each.name: each.default for each in fields(payrec.load.Options)}
    shared = set(command) - CLI_ONLY
    assert shared <= set(function), f"the function {name} lacks {shared - set(function)}"
    for argument in shared - OWN_DEFAULT - set(FROM_SETTINGS):
        if argument != "host":
            assert command[argument] == function[argument], f"{name}: {argument}"


@pytest.mark.parametrize("name", DOORS)
def test_the_defaults_of_settings_are_those_of_the_functions(name: str) -> None:
    function = defaults(DOORS[name][1])
    if name == "demo":  # everything in its own folder
        return
    for argument, setting in FROM_SETTINGS.items():
        if argument in function and not (name == "simulate" and argument == "seed"):
            stated, default = function[argument], Settings.model_fields[setting].default
            assert (str(stated) if isinstance(default, Path) else stated) == (
                str(default) if isinstance(default, Path) else default
            ), f"{name}: {argument}"


Wrong = tuple[list[str], Callable[[str, Path], Any]]


def on(command: Callable[[payrec.Engine], Any]) -> Callable[[str, Path], Any]:
    """Call a function on the database, as Python's users do."""

    def call(url: str, _folder: Path) -> Any:
        with payrec.connect(url) as engine:
            return command(engine)

    return call


WRONG: dict[str, Wrong] = {
    "no champion": (["score"], on(payrec.score)),
    "no champion to explain": (["explain", "o1"], on(lambda e: payrec.explain(e, "o1"))),
    "no champion to run": (["run"], lambda url, _: payrec.run(url, NOW)),
    "no list": (["worklist", "--out", "x.csv"], lambda *_: payrec.worklist()),
    "no list to monitor": (["monitor"], lambda *_: payrec.monitor()),
    "no such run": (["run", "--replay", "r1"], lambda *_: payrec.replay("r1")),
    "no such recipe": (["train", "--recipe", "magic"], on(lambda e: payrec.train(e, recipe="magic"))),
    "no rows to train on": (["train"], on(lambda e: payrec.train(e, now=NOW))),
    "no rows to test on": (["backtest"], on(lambda e: payrec.backtest(e, now=NOW))),
    "until without split": (
        ["backtest", "--until", "2026-01-01"], on(lambda e: payrec.backtest(e, until=datetime(2026, 1, 1))),
    ),
    "no such file": (
        ["load", "transactions", "none.csv"], on(lambda e: payrec.load.transactions(e, "none.csv")),
    ),
    "no such policy": (["monitor", "--policy", "none.toml"], lambda *_: payrec.monitor(policy="none.toml")),
    "no such complication": (
        ["simulate", "--with", "voids,magic"], lambda *_: payrec.simulate(options=complications(["voids", "magic"])),
    ),
    "payments that stop in the future": (
        ["simulate", "--stop-payments-days", "-1"],
        lambda *_: payrec.simulate(options=complications([], stop_payments_days=-1)),
    ),
    "no such month": (
        ["simulate", "--missing-month", "2026-13"],
        lambda *_: payrec.simulate(options=complications([], missing_months=["2026-13"])),
    ),
    "no such SQL": (["sql", "nothing"], lambda *_: payrec.sql("nothing")),
    "no model": (["models", "show"], lambda *_: payrec.models.show()),
    "no model to promote": (["models", "promote", "m1"], lambda *_: payrec.models.promote("m1")),
    "no former champion": (["models", "rollback"], lambda *_: payrec.models.rollback()),
    "no model to report": (["report"], lambda *_: payrec.report()),
    "an empty customer": (["privacy", "erase", ""], lambda url, _: payrec.privacy.erase(url, "", NOW)),
    "an empty customer to export": (["privacy", "export", ""], lambda url, _: payrec.privacy.export(url, "", NOW)),
}  # fmt: skip


@pytest.mark.parametrize("case", WRONG)
def test_both_doors_refuse_with_the_same_words(
    case: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    words, call = WRONG[case]
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("payrec.cli.options.now", lambda: NOW)
    (tmp_path / "out").mkdir()
    url = f"duckdb:///{tmp_path / 'payrec.duckdb'}"
    monkeypatch.setenv("PAYREC_DATABASE", url)
    with pytest.raises(errors.PayrecError) as refused:
        call(url, tmp_path)
    with pytest.raises(SystemExit) as ended:
        cli.main(words)
    assert ended.value.code == refused.value.exit_code > 1
    assert capsys.readouterr().err.endswith("\n".join(str(refused.value).splitlines()) + "\n")


def test_no_help_text_is_cut(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setenv("TERMINAL_WIDTH", "80")
    for words in ([], *([group] for group in GROUPS)):
        with pytest.raises(SystemExit):
            cli.main([*words, "--help"])
        assert "..." not in capsys.readouterr().out.replace("[OPTIONS] COMMAND [ARGS]...", "")
    assert len(get_command(cli.app).commands) == len(cli.VERBS) + len(GROUPS)  # type: ignore[attr-defined]


def test_both_doors_simulate_the_same_complications(tmp_path: Path) -> None:
    options = complications(["voids", "returns"], stop_payments_days=20, missing_months=["2026-02", "2026-03"])
    payrec.simulate(300, 2, tmp_path / "python", options=options)
    words = "simulate --orders 300 --seed 2 --with voids,returns --stop-payments-days 20"
    months = ["--missing-month", "2026-02", "--missing-month", "2026-03"]
    with pytest.raises(SystemExit) as ended:
        cli.main([*words.split(), *months, "--out", str(tmp_path / "shell")])
    assert not ended.value.code
    names = sorted(path.name for path in (tmp_path / "python").iterdir())
    assert names == sorted(["transactions.csv", "events.csv", "fx.csv", "truth.parquet", "truth_status.parquet"])
    for name in names:
        assert (tmp_path / "shell" / name).read_bytes() == (tmp_path / "python" / name).read_bytes(), name


def test_every_complication_can_be_named_alone_or_all_at_once(tmp_path: Path) -> None:
    for words, options in (
        ("everything", complications(["everything"])),
        (" , ".join(RATES), complications(list(RATES))),
    ):
        with pytest.raises(SystemExit) as ended:
            cli.main(["simulate", "--orders", "200", "--with", words, "--out", str(tmp_path)])
        assert not ended.value.code
        payrec.simulate(200, 1, tmp_path / "python", options=options)
        assert (tmp_path / "events.csv").read_bytes() == (tmp_path / "python" / "events.csv").read_bytes()
