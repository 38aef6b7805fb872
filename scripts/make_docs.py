"""Remake the parts of the docs that commands make: the output in the README."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
BLOCK = re.compile(r"(<!-- output: payrec ([^>]+) -->\n```\n).*?(```\n<!-- end -->)", re.DOTALL)


def output_of(command: str, folder: str) -> str:
    """Return what a command of payrec prints on stdout, run in ``folder``."""
    program = Path(sys.executable).with_name("payrec")
    done = subprocess.run(
        [str(program), *command.split()], cwd=folder, capture_output=True, text=True, check=True, env=os.environ
    )
    return "\n".join(line.rstrip() for line in done.stdout.splitlines()) + "\n"


def main() -> None:
    """Fill every output block of the README."""
    page = ROOT / "README.md"
    text = page.read_text(encoding="utf-8")
    with tempfile.TemporaryDirectory() as folder:
        filled = BLOCK.sub(lambda found: found[1] + output_of(found[2], folder) + found[3], text)
    page.write_text(filled, encoding="utf-8")


if __name__ == "__main__":
    main()
