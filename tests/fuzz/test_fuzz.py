"""A short run of what `make fuzz` does for longer: what was found once, and changes that are always the same."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.data.load.hostile import noisy
from tests.fuzz.targets import TARGETS

FOUND = Path(__file__).parent / "found"
RUNS = {"text": 1_500, "loader": 15, "parquet": 15, "features": 1_000, "models": 60, "trees": 100}


def inputs(name: str) -> Iterator[bytes]:
    """Yield the seeds, and as many changed ones as the target is quick."""
    seeds, rng = TARGETS[name].seeds(), random.Random(name)
    yield from seeds
    for _ in range(RUNS[name]):
        yield (
            bytes([rng.randrange(256)]) + rng.randbytes(rng.randint(3, 30))
            if name == "models"
            else noisy(rng.choice(seeds), rng)
        )


@pytest.mark.parametrize("name", TARGETS)
def test_nothing_but_an_account_or_a_plain_refusal(name: str) -> None:
    for data in inputs(name):
        TARGETS[name].run(data)


@pytest.mark.parametrize("path", sorted(FOUND.glob("*/*")), ids=lambda path: f"{path.parent.name}-{path.name}")
def test_what_was_found_once_stays_mended(path: Path) -> None:
    TARGETS[path.parent.name].run(path.read_bytes())
