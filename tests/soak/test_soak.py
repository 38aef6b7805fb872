"""A few nights of what `make soak` does two hundred of: nothing is left open, and old lists go."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from payrec.simulate import simulator
from tests.commands.conftest import FIRST_NIGHT
from tests.soak import judged, nights
from tests.soak.arrivals import Arrivals

NIGHTS, RETENTION_DAYS = 7, 3


@pytest.fixture
def soak(portfolio: simulator.Portfolio, models: Path, tmp_path: Path) -> nights.Soak:
    return nights.Soak(Arrivals(portfolio, tmp_path / "files"), models, FIRST_NIGHT, NIGHTS, RETENTION_DAYS)


def test_nights_on_duckdb_leave_nothing_open_and_old_lists_go(soak: nights.Soak, tmp_path: Path) -> None:
    expect_steady(list(nights.run(nights.Place(f"duckdb:///{tmp_path / 'payrec.duckdb'}", tmp_path), soak)))
    assert {path.name for path in tmp_path.iterdir()} <= {"files", "payrec.duckdb", "payrec.lock", "published"}
    assert len(list((tmp_path / "published" / "runs").iterdir())) == RETENTION_DAYS


def test_nights_on_postgres_leave_nothing_open_and_old_lists_go(soak: nights.Soak, tmp_path: Path) -> None:
    with nights.on_postgres(tmp_path) as database:
        expect_steady(list(nights.run(database, soak)))


def expect_steady(used: list[nights.Used]) -> None:
    assert judged.problems(used, RETENTION_DAYS, with_time=False) == []
    assert [one.kept for one in used[RETENTION_DAYS:]] == [RETENTION_DAYS] * (NIGHTS - RETENTION_DAYS)
    assert used[-1].orders > used[0].orders
    assert judged.table(used).count("\n") == 1 + NIGHTS


def test_what_grows_is_named() -> None:
    one = nights.Used(1, 100, 10, 1.0, 300.0, 10.0, 1.0, 0.0, 3, 8, 16, 0)
    many = [replace(one, night=number) for number in range(1, 101)]
    assert judged.problems(many, 30, with_time=True) == []
    worse = {"files": 9, "threads": 17, "connections": 1, "kept": 32, "rss_mb": 350.0, "database_mb": 12.5}
    for name, value in {**worse, "lists_mb": 1.2, "history_mb": 2.0, "cpu_s": 1.2}.items():
        late = [replace(one, **{name: value}) if one.night > 60 else one for one in many]
        assert len(judged.problems(late, 30, with_time=True)) == 1, name
