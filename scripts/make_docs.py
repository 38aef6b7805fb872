"""Remake the parts of the docs that commands make: the output in the README, the commands, the settings."""

from __future__ import annotations

import io
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import redirect_stdout, suppress
from pathlib import Path

import reliability

from payrec.cli import VERBS, main
from payrec.cli.models import models_app
from payrec.cli.privacy import privacy_app
from payrec.common.settings import Settings

ROOT = Path(__file__).resolve().parent.parent
BLOCK = re.compile(r"(<!-- output: payrec ([^>]+) -->\n```\n).*?(```\n<!-- end -->)", re.DOTALL)


def commands_page() -> str:
    """Return docs/commands.md: what every command says of itself."""
    parts = ["# Commands\n\nMade by `make docs` from `--help`. Exit codes: " + EXIT_CODES + "\n"]
    parts += [f"## payrec {' '.join(words)}\n\n```\n{help_of(words)}```\n" for words in names()]
    return "\n".join(parts)


EXIT_CODES = (
    "0 fine · 1 a check or a drift alarm · 2 wrong use · 3 data refused · 4 quality gate · "
    "5 another run holds the lock · 6 database unreachable · 7 damaged or foreign model."
)


def names() -> Iterator[list[str]]:
    """Yield the words of every command."""
    yield from ([verb.__name__] for verb in VERBS)
    for group, commands in (("models", models_app), ("privacy", privacy_app)):
        yield from ([group, str(command.name)] for command in commands.registered_commands)


def help_of(words: list[str]) -> str:
    """Return the help of a command, as wide as a page."""
    os.environ["COLUMNS"] = os.environ["TERMINAL_WIDTH"] = "100"
    said = io.StringIO()
    with redirect_stdout(said), suppress(SystemExit):
        main([*words, "--help"])
    return "\n".join(line.rstrip() for line in said.getvalue().strip().splitlines()) + "\n"


def settings_page() -> str:
    """Return docs/settings.md: every setting, its default and meaning."""
    rows = [
        f"| `PAYREC_{name.upper()}` | {'' if field.default is None else f'`{field.default}`'} | {field.description} |"
        for name, field in Settings.model_fields.items()
    ]
    head = "# Settings\n\nMade by `make docs` from `payrec/common/settings.py`. All are environment variables.\n"
    return "\n".join([head, "| variable | default | meaning |", "|---|---|---|", *rows, ""])


def output_of(command: str, folder: str) -> str:
    """Return what a command of payrec prints on stdout, run in ``folder``."""
    program = Path(sys.executable).with_name("payrec")
    done = subprocess.run([str(program), *command.split()], cwd=folder, capture_output=True, text=True, check=True)
    return "\n".join(line.rstrip() for line in done.stdout.splitlines()) + "\n"


def make() -> None:
    """Write all of it."""
    (ROOT / "docs" / "commands.md").write_text(commands_page(), encoding="utf-8")
    (ROOT / "docs" / "settings.md").write_text(settings_page(), encoding="utf-8")
    (ROOT / "docs" / "reliability.md").write_text(reliability.page(), encoding="utf-8")
    page = ROOT / "README.md"
    text = page.read_text(encoding="utf-8")
    with tempfile.TemporaryDirectory() as folder:
        filled = BLOCK.sub(lambda found: found[1] + output_of(found[2], folder) + found[3], text)
    page.write_text(filled, encoding="utf-8")


if __name__ == "__main__":
    make()
