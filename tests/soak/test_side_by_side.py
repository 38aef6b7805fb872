"""A short turn of what ``python -m tests.soak.side_by_side`` does for minutes."""

from __future__ import annotations

from pathlib import Path

from tests.soak import side_by_side


def test_commands_side_by_side_on_postgres_publish_whole_lists_only(postgres_url: str, tmp_path: Path) -> None:
    place = side_by_side.prepared(postgres_url, tmp_path, 600)
    ended = side_by_side.loops(place, rounds=3)
    assert ended.unexpected == []
    assert sum(ended.codes["run"].values()) == 3
    side_by_side.run_alone(place)  # on a busy machine each of the three may have met a lock
    assert side_by_side.wrong_lists(place, runs_ended=1) == []
