"""What trials get copies of: an installation after its first night; for trainings, one with orders to learn from."""

from __future__ import annotations

import shutil
from datetime import datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import csv

from payrec.commands.check import check
from payrec.commands.train import train
from payrec.data.engines import connect
from payrec.model.store import versions
from payrec.simulate import simulator
from tests.commands.conftest import DAY, FIRST_NIGHT, Site, arrive

ORDERS = 150
LEARNT_FROM = 900
SECOND_NIGHT = FIRST_NIGHT + DAY
COMMANDS = {
    "load": ["load", "transactions", "{folder}/new.csv"],
    "train": ["train", "--recipe", "original"],
    "run": ["run", "--as-of", str(SECOND_NIGHT)],
    "publish": ["publish"],
}


def installed(url: str, folder: Path, models: Path) -> Site:
    """Make a small installation after its first night, on the evening before the second; its store is its own."""
    if not (folder / "models").exists():
        shutil.copytree(models, folder / "models")
    site = Site(url, folder, folder / "models", simulator.portfolio(ORDERS, 2))
    site.arrive(FIRST_NIGHT)
    site.night()
    site.arrive(SECOND_NIGHT)
    return site


def models(scratch: Path) -> Path:
    """Return a store whose champion has learnt from what was known at the first night; made once."""
    folder = scratch / "models"
    if not folder.exists():
        with connect("duckdb://") as engine:
            arrive(engine, simulator.portfolio(3_000, 1), FIRST_NIGHT)
            trained = train(engine, folder, "original", now=FIRST_NIGHT, max_rows=100_000)
            versions.promote(folder, trained.model_id)
    return folder


def command(name: str, site: Site) -> dict[str, Any]:
    """Prepare the installation for a command; return the words of it, and the time at which it runs."""
    now = SECOND_NIGHT + DAY / 5
    words = COMMANDS[name]
    if name == "load":
        _new_file(site.folder / "new.csv")
        now = FIRST_NIGHT + 99 * DAY
    if name == "train":
        now = _something_to_learn(site)
    return {"command": words, "now": now.isoformat()}


def _new_file(path: Path) -> None:
    """Write orders of which some are there already, one twice, and one that is refused."""
    rows = simulator.portfolio(ORDERS, 5).transactions
    rows = rows.set_column(0, "order_id", pc.binary_join_element_wise("n", rows["order_id"], ""))
    known = simulator.portfolio(ORDERS, 2).transactions.slice(0, 20)
    csv.write_csv(pa.concat_tables([rows, rows.slice(0, 1), known]), path)
    first = path.read_text(encoding="utf-8").splitlines()[1]
    with path.open("a", encoding="utf-8") as file:
        file.write(first.replace("n", "r", 1).replace("EUR", "no currency", 1).rpartition(",")[0] + "\n")


def _something_to_learn(site: Site) -> datetime:
    """Put in orders enough, and build: the steps of the trial are then those of training."""
    later = FIRST_NIGHT + 20 * DAY
    with connect(site.url) as engine:
        engine.run("DELETE FROM raw_transactions; DELETE FROM raw_events")
        arrive(engine, simulator.portfolio(LEARNT_FROM, 1), later)
        check(engine, now=later)
    return later
