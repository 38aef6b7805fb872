"""`make fuzz`: feed a target with bytes that reach ever more of its code, for so many seconds.

    python -m tests.fuzz [--seconds 60] [TARGET …]

An input that breaks a target is left in tests/fuzz/found/TARGET, where the tests try it again from then on.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["payrec"]):
    from tests.fuzz.targets import TARGETS

FOUND = Path(__file__).parent / "found"
MEMORY_MB = 3_000
SECONDS_EACH = 30


def main() -> int:
    """Run each target in a process of its own, since one that breaks ends it."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=str(__doc__).splitlines()[0])
    parser.add_argument("--seconds", type=int, default=60)
    parser.add_argument("--here", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("targets", nargs="*", default=list(TARGETS), metavar="TARGET")
    asked = parser.parse_args()
    if asked.here:
        _run(asked.targets[0], asked.seconds)
    program = [sys.executable, "-m", "tests.fuzz", "--here", "--seconds", str(asked.seconds)]
    broken = [name for name in asked.targets if subprocess.run([*program, name], check=False).returncode]
    print(f"broken: {', '.join(broken) or 'nothing'}")
    return 1 if broken else 0


def _run(name: str, seconds: int) -> None:
    """Begin with the seeds and with what was found before; this ends the process."""
    target, found = TARGETS[name], FOUND / name
    found.mkdir(parents=True, exist_ok=True)
    target.run(target.seeds()[0])  # what is made once, such as a model, is no matter of a single input
    with tempfile.TemporaryDirectory(prefix="payrec-fuzz-") as corpus:
        for number, seed in enumerate(target.seeds()):
            (Path(corpus) / f"seed-{number}").write_bytes(seed)
        print(f"{name}: {seconds} seconds", flush=True)
        limits = [f"-max_total_time={seconds}", f"-rss_limit_mb={MEMORY_MB}", f"-timeout={SECONDS_EACH}"]
        places = [f"-artifact_prefix={found}/", "-print_final_stats=1", "-verbosity=0", corpus, str(found)]
        atheris.Setup(["fuzz", *limits, *places], target.run)
        atheris.Fuzz()


if __name__ == "__main__":
    raise SystemExit(main())
