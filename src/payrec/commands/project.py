"""payrec.open: one database, one folder of models and one policy, held together for notebooks."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Any, Self

import pyarrow as pa

from payrec.commands import load
from payrec.commands.backtest import backtest
from payrec.commands.build import build
from payrec.commands.check import check
from payrec.commands.explain import Explanation, explain
from payrec.commands.features import features
from payrec.commands.policies import policy_of
from payrec.commands.run import run
from payrec.commands.run_report import RunReport
from payrec.commands.score import score
from payrec.commands.scoring import Worklist
from payrec.commands.train import Trained, train
from payrec.common.errors import UsageError
from payrec.data.audit import Audit
from payrec.data.engines import Engine, connect
from payrec.data.layers import Build
from payrec.data.load import LoadReport
from payrec.model.evaluate.backtest import Backtest
from payrec.worklist.policy import Policy


class ProjectLoader:
    """``project.load``: the functions of :mod:`payrec.load`, on the project's database."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def transactions(self, file: Path | str, **options: Any) -> LoadReport:
        """Load orders; options as :func:`payrec.load.transactions`."""
        return load.transactions(self._engine, file, **options)

    def events(self, file: Path | str, **options: Any) -> LoadReport:
        """Load events; options as :func:`payrec.load.events`."""
        return load.events(self._engine, file, **options)

    def fx(self, file: Path | str, **options: Any) -> LoadReport:
        """Load dated rates; options as :func:`payrec.load.fx`."""
        return load.fx(self._engine, file, **options)

    def customers(self, file: Path | str, **options: Any) -> LoadReport:
        """Load names and ways to reach customers; options as :func:`payrec.load.customers`."""
        return load.customers(self._engine, file, **options)

    def __repr__(self) -> str:
        return "<load: transactions, events, fx, customers>"


class Project:
    """A database with its models and policy; made by :func:`open`, closed by ``with`` or :meth:`close`.

    Methods are the commands; ``options`` are those of the function of the same name. ``engine`` is the open database.
    """

    def __init__(self, url: str, models: Path, published: Path, policy: Policy) -> None:
        self._url, self.models, self.published, self.policy = url, models, published, policy
        self.engine = connect(url)

    @property
    def load(self) -> ProjectLoader:
        """Load files: ``load.transactions(file)``, ``load.events(file)``, ``load.fx(file)``."""
        return ProjectLoader(self.engine)

    def build(self, **options: Any) -> Build:
        """Build snapshots, features and labels; options as :func:`payrec.build`."""
        return build(self.engine, **options)

    def check(self, **options: Any) -> Audit:
        """Audit the data; options as :func:`payrec.check`."""
        return check(self.engine, **options)

    def features(self, as_of: datetime | None = None, out: Path | str | None = None) -> pa.Table:
        """Return rows of the feature view, as :func:`payrec.features`."""
        return features(self.engine, as_of, out)

    def train(self, **options: Any) -> Trained:
        """Train, test and store a model, and promote it if it passes the gate; options as :func:`payrec.train`."""
        return train(self.engine, self.models, **options)

    def backtest(self, **options: Any) -> Backtest:
        """Test a recipe on the past; options as :func:`payrec.backtest`."""
        return backtest(self.engine, **options)

    def score(self, capacity: int | None = None, **options: Any) -> Worklist:
        """Score and rank the open orders by the champion; options as :func:`payrec.score`."""
        defaults = {"policy": self.policy, "published": self.published}
        return score(self.engine, self.models, **{**defaults, "capacity": capacity, **options})

    def explain(self, order_id: str, as_of: datetime | None = None) -> Explanation:
        """Explain one order's probability, as :func:`payrec.explain`."""
        return explain(self.engine, order_id, self.models, as_of, self.policy)

    def run(self, now: datetime, **options: Any) -> RunReport:
        """Publish a list, as :func:`payrec.run`; the database is closed meanwhile, so ``engine`` is another after it.

        Raises
        ------
        UsageError
            The database is in memory, where a run cannot open it.
        """
        if self._url.rstrip("/") == "duckdb:":
            raise UsageError("found a database in memory, expected a file or a server for a run\nopen duckdb:///FILE")
        self.engine.close()
        try:
            defaults = {"models": self.models, "published": self.published, "policy": self.policy}
            return run(self._url, now, **{**defaults, **options})
        finally:
            self.engine = connect(self._url)

    def close(self) -> None:
        """Close the database."""
        self.engine.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<Project on {self.engine.name}, models in {self.models}>"  # the address may hold a password


def open(
    url: str = "duckdb:///out/payrec.duckdb",
    models: Path | str = "models",
    published: Path | str = "out/published",
    policy: Policy | Path | str | None = None,
) -> Project:
    """Open a database with its folder of models and its policy, and return the :class:`Project` that holds them.

    >>> with payrec.open("duckdb://", models=models) as project:
    ...     project
    <Project on duckdb, models in ...>
    """
    return Project(url, Path(models), Path(published), policy_of(policy))
