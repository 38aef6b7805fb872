"""docs/operations.md says what is so, its examples can be used as they stand; the workflows run what developers run."""

from __future__ import annotations

import ast
import configparser
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import yaml
from typer.main import get_command

from payrec import cli
from payrec.commands.replay import replay
from payrec.common import errors
from payrec.common.settings import Settings
from payrec.publish import details, lists
from payrec.publish.store import open_store
from payrec.simulate import simulator
from tests.commands.conftest import FIRST_NIGHT, Site

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "operations.md").read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    found = re.findall(rf"```{language}\n(.*?)```", PAGE, re.DOTALL)
    assert found
    return found


def test_every_exit_code_is_told() -> None:
    told = {int(code) for code in re.findall(r"^\| (\d) \|", PAGE, re.MULTILINE)}
    kinds = [kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, errors.PayrecError)]
    assert told == {0, *(kind.exit_code for kind in kinds)}


def test_every_command_and_option_exists() -> None:
    app: Any = get_command(cli.app)
    found = re.findall(r"\bpayrec (run|monitor|check|train|load|models)\b([^\n`;>]*)", PAGE)
    assert {verb for verb, _ in found} >= {"run", "monitor", "check", "train", "models"}
    for verb, rest in found:
        command = app.commands[verb]
        words = rest.split("#")[0].split()
        if verb == "models" and words:
            command = command.commands[words[0].strip("|")]
        known = {option for parameter in command.params for option in parameter.opts}
        assert set(re.findall(r"(?<!\w)--[a-z-]+", rest.split("#")[0])) <= known, (verb, rest)


def test_every_setting_exists() -> None:
    named = set(re.findall(r"PAYREC_([A-Z_]+)", PAGE))
    assert named <= {name.upper() for name in Settings.model_fields}
    assert {"DATABASE", "MODELS_DIR", "ALERTS"} <= named


def test_what_is_kept_is_as_told() -> None:
    assert f"newest {lists.KEEP_RUNS} runs" in PAGE
    assert f"newest {details.KEPT_RUNS} runs" in PAGE


def test_the_units_can_be_read_and_call_the_run() -> None:
    service, timer = (configparser.ConfigParser(interpolation=None, strict=False) for _ in range(2))
    for parser, text in zip((service, timer), blocks("ini"), strict=True):
        parser.optionxform = str  # type: ignore[assignment,method-assign]
        parser.read_string(text)
    assert service["Service"]["ExecStart"].endswith("payrec run --wait 600")
    retried = set(range(1, 8)) - {int(code) for code in service["Service"]["RestartPreventExitStatus"].split()}
    assert retried == {6}, "only a database that was away gets better by trying again"
    assert re.fullmatch(r"\*-\*-\* \d\d:\d\d:\d\d UTC", timer["Timer"]["OnCalendar"])


def test_the_other_schedules_call_the_run() -> None:
    (job,) = (yaml.safe_load(text) for text in blocks("yaml"))
    pod = job["spec"]["jobTemplate"]["spec"]
    assert job["kind"] == "CronJob"
    assert pod["template"]["spec"]["containers"][0]["command"][:2] == ["payrec", "run"]
    assert set(range(1, 8)) - set(pod["podFailurePolicy"]["rules"][0]["onExitCodes"]["values"]) == {6}
    (dag,) = blocks("python")
    assert "payrec run" in ast.unparse(ast.parse(dag))
    (table,) = blocks("crontab")
    *fields, command = table.splitlines()[-1].split(None, 6)
    assert fields[:5] == ["30", "3", "*", "*", "*"]
    assert "payrec run" in command


def shell(block: int, folder: Path) -> None:
    """Run the commands of a block in ``folder``; the folder of the page stands for it, runs are made by the test."""
    lines = [line for line in blocks("sh")[block].splitlines() if line != "payrec run"]
    script = "\n".join(lines).replace("cd /var/lib/payrec", f"cd {folder}")
    done = subprocess.run(["/bin/sh", "-eu", "-c", script], cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_a_back_up_by_the_commands_of_the_page_can_be_restored(tmp_path: Path, duckdb_url: str, models: Path) -> None:
    del duckdb_url
    one, other = tmp_path / "one", tmp_path / "other"
    for folder in (one, other):
        folder.mkdir()
    shutil.copytree(models, one / "models")
    site = Site(f"duckdb:///{one / 'payrec.duckdb'}", one, one / "models", simulator.portfolio(500, 2))
    site.arrive(FIRST_NIGHT)
    first = site.night()
    backup, restore = (at for at, text in enumerate(blocks("sh")) if "payrec-backup" in text)
    shell(backup, one)
    shutil.move(one / "payrec-backup.tar.gz", other)
    shutil.rmtree(one)
    shell(restore, other)
    restored = Site(f"duckdb:///{other / 'payrec.duckdb'}", other, other / "models", site.made)
    again = restored.night()
    assert again.already_done
    assert again.published == first.published
    assert restored.published is not None
    assert replay(first.published.run.run_id, open_store(restored.published), restored.models).equal


def test_the_workflows_run_what_a_developer_runs() -> None:
    folder = ROOT / ".github" / "workflows"
    for path in folder.glob("*.yml"):
        yaml.safe_load(path.read_text(encoding="utf-8"))
    text = (folder / "ci.yml").read_text(encoding="utf-8")
    for command in ("make check", "make test", "./scripts/wheel-smoke.sh"):
        assert command in text
        assert command in (ROOT / ".ci" / "run").read_text(encoding="utf-8")
    assert "PAYREC_TEST_POSTGRES" in text
