"""What an older payrec left behind is served by this one, brought up to date, and gone on from.

``README.md`` says what is kept here of each version, and how it was made.
"""

from __future__ import annotations

import lzma
import tarfile
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import psycopg
import pyarrow.compute as pc
import pytest

import postgres_server
from payrec import cli
from payrec.app import list_source
from payrec.common.settings import Settings
from payrec.data import migrations
from payrec.data.engines import Engine, connect
from payrec.model.store import versions
from payrec.publish.store import ListStore, open_store
from payrec.worklist import rank

HERE = Path(__file__).parent
OLD, NEW = "before-0.1.0", "0.1.0"
NOW = datetime.fromisoformat("2026-07-01 03:00")
on_both = pytest.mark.parametrize("database", ["duckdb", "postgres"], indirect=True)


@dataclass(frozen=True)
class Left:
    """What a version left behind: its database, its folder, and a way to give commands of this version."""

    url: str
    folder: Path
    payrec: Callable[..., int]

    @property
    def models(self) -> Path:
        """Folder of the models."""
        return self.folder / "models"

    def store(self, engine: Engine) -> ListStore:
        """The store of its published lists."""
        return open_store(engine if self.url.startswith("postgresql") else self.folder / "published")


@pytest.fixture
def database(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def left(version: str, database: str, tmp_path: Path, request: pytest.FixtureRequest,
         monkeypatch: pytest.MonkeyPatch) -> Left:  # fmt: skip
    """Unpack what a version left behind."""
    unpack(HERE / f"{version}.tar.xz", tmp_path)
    folder = tmp_path / ("embedded" if database == "duckdb" else "served")
    url = f"duckdb:///{folder / 'payrec.duckdb'}"
    if database == "postgres":
        url = restored(request, version)
    settings = {
        "DATABASE": url,
        "OUT_DIR": folder,
        "PUBLISHED_DIR": folder / "published",
        "MODELS_DIR": folder / "models",
    }
    for name, value in settings.items():
        monkeypatch.setenv(f"PAYREC_{name}", str(value))
    monkeypatch.setattr("payrec.cli.options.now", lambda: NOW)

    def payrec(*arguments: str) -> int:
        with pytest.raises(SystemExit) as ended:
            cli.main(list(arguments))
        return int(ended.value.code or 0)

    return Left(url, folder, payrec)


def unpack(archive: Path, folder: Path) -> None:
    """Write the regular files of an archive below ``folder``; Python before 3.11.4 has no ``extractall(filter=…)``."""
    with tarfile.open(archive) as pack:
        for member in pack:
            target = (folder / member.name).resolve()
            assert target.is_relative_to(folder.resolve()), f"{member.name} leads out of the folder"
            content = pack.extractfile(member) if member.isreg() else None
            assert content is not None or member.isdir(), f"{member.name} is neither a file nor a folder"
            if content is None:
                target.mkdir(parents=True, exist_ok=True)
            else:
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_bytes(content.read())


def restored(request: pytest.FixtureRequest, version: str) -> str:
    """Put the dump of a version into a database of its own."""
    admin, name = request.getfixturevalue("postgres_admin"), f"payrec_upgrade_{version.replace('.', '_')}"
    postgres_server.create_database(admin, name)
    request.addfinalizer(lambda: postgres_server.drop_database(admin, name))
    url = postgres_server.with_database(admin, name)
    with psycopg.connect(url) as restoring:
        restoring.execute(lzma.decompress((HERE / f"{version}.sql.xz").read_bytes()))
    return url


def lists(left: Left) -> dict[str, list[dict[str, Any]]]:
    """Return all published lists, the one that is served first, by the columns that every version has."""
    with connect(left.url) as engine:
        store = left.store(engine)
        names = [one.run.run_id for one in store.runs()]
        found = {name: store.scores(name) for name in names}
    for table in found.values():
        assert table.column_names == rank.SCHEMA.names
    columns = ["order_id", "p_recover_30d", "rank", "priority_flag", "outstanding", "model_id"]
    return {name: table.select(columns).to_pylist() for name, table in found.items()}


@on_both
@pytest.mark.parametrize("version", [OLD, NEW])
def test_fault_50_the_lists_of_an_older_version_are_served_before_anything_is_brought_up_to_date(
    left: Left, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    served = list_source.look(list_source.configured(Settings()))
    assert [f"{one.run.as_of:%m-%d}" for one in served.runs] == ["06-30", "06-29"]
    before = lists(left)
    assert [len(rows) for rows in before.values()] == [one.orders for one in served.runs]
    assert left.payrec("worklist", "--capacity", "5", "--out", str(tmp_path / "list.csv")) == 0
    assert len((tmp_path / "list.csv").read_text(encoding="utf-8").splitlines()) == 6
    assert left.payrec("monitor") in (0, 1)
    assert served.runs[0].run.run_id in capsys.readouterr().out
    assert lists(left) == before


@on_both
@pytest.mark.parametrize("version", [OLD, NEW])
def test_fault_50_a_model_for_other_features_is_refused_and_the_next_training_goes_on_from_the_old_data(
    left: Left, capsys: pytest.CaptureFixture[str]
) -> None:
    before = lists(left)
    assert left.payrec("run", "--as-of", "2026-07-01", "--trust-clock") == 7
    said = capsys.readouterr().err
    assert "found a model for format 1 and features" in said
    assert "payrec train" in said
    assert "Traceback" not in said
    assert lists(left) == before
    assert left.payrec("check") == 0
    is_compared = "reads the same facts in another way than the one before" in capsys.readouterr().out
    assert is_compared == left.url.startswith("duckdb"), "the dump of PostgreSQL has no layers to compare with"
    assert left.payrec("train", "--recipe", "original") in (0, 4)
    (made,) = set(versions.ids(left.models)) - {versions.champion_id(left.models)}
    versions.promote(left.models, made)
    assert left.payrec("run", "--as-of", "2026-07-01", "--trust-clock") in (0, 1)
    after = lists(left)
    assert list(after)[1:] == list(before)
    assert {name: after[name] for name in before} == before
    assert {row["model_id"] for row in next(iter(after.values()))} == {made}
    assert_up_to_date(left)


def assert_up_to_date(left: Left) -> None:
    """Every migration is applied, nothing raw was lost, and no promise of the layers is broken."""
    with connect(left.url) as engine:
        known = [one.name for one in migrations.published(engine.name)]
        ledger = f"SELECT name FROM {migrations.PUBLISHED_LEDGER} ORDER BY number"
        assert engine.read(ledger)["name"].to_pylist() == known
        assert engine.read("SELECT COUNT(*) AS n FROM raw_transactions")["n"].to_pylist() == [700]
        current = engine.read("SELECT * FROM v_feature_view")
        # written-off orders are not on the list any more
    assert pc.count_distinct(current["order_id"]).as_py() > 50
    assert left.payrec("check") == 0
