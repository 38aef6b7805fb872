"""Which failed or unpaid payments will be recovered in the next 30 days, and whom to contact first.

The map, in the order of the data; each word is also a command (``payrec WORD``)::

    file → raw               simulate, load.transactions, .events, .fx, .source; sources (connect returns the engine)
    raw → staging → snapshots → features, labels        build, sql, features; check audits them
    features, labels → model                            train; models.list, show, promote, rollback
    model → how good it is                              backtest, report
    features, model → probabilities → ranked list       score, score_file, explain
    list → published → monitored                        run, replay, worklist, monitor; privacy.export, erase
    what people did with the list → the next list       log; team
    arms → what the list brings                         holdout.plan, start, status, stop; effect.train, show
    all of it on simulated data                         demo
    all of it on one database                           open, which returns a Project

Pictures are in ``payrec.charts``. Each room imports only rooms to its right:
``cli | app > commands > monitor > publish > worklist > model | data > charts | simulate > common``.
Nothing is imported before it is used. ``docs/python.md`` is the manual.

>>> import payrec
>>> payrec.simulate(orders=300, seed=1).transactions.num_rows
300
"""

from __future__ import annotations

import sys
from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from payrec import charts
    from payrec.commands import effect, holdout, load, models, privacy, sources
    from payrec.commands.backtest import backtest
    from payrec.commands.build import build
    from payrec.commands.check import check
    from payrec.commands.demo import demo
    from payrec.commands.explain import explain
    from payrec.commands.explain_customer import explain_customer
    from payrec.commands.features import features
    from payrec.commands.forecast import forecast
    from payrec.commands.log import log
    from payrec.commands.monitor import monitor
    from payrec.commands.policies import read_policy
    from payrec.commands.project import Project, open
    from payrec.commands.replay import replay
    from payrec.commands.report import report
    from payrec.commands.run import run
    from payrec.commands.score import score, score_file
    from payrec.commands.scoring import Worklist
    from payrec.commands.simulate import simulate
    from payrec.commands.sql import sql
    from payrec.commands.team import team
    from payrec.commands.train import train
    from payrec.commands.worklist import worklist
    from payrec.common import errors
    from payrec.data.engines import Engine, connect
    from payrec.worklist.policy import Policy

__all__ = [
    "Engine",
    "Policy",
    "Project",
    "Worklist",
    "backtest",
    "build",
    "charts",
    "check",
    "connect",
    "demo",
    "effect",
    "errors",
    "explain",
    "explain_customer",
    "features",
    "forecast",
    "holdout",
    "load",
    "log",
    "models",
    "monitor",
    "open",
    "privacy",
    "read_policy",
    "replay",
    "report",
    "run",
    "score",
    "score_file",
    "simulate",
    "sources",
    "sql",
    "team",
    "train",
    "worklist",
]

_MODULES = {
    "charts": "charts",
    "effect": "commands.effect",
    "errors": "common.errors",
    "holdout": "commands.holdout",
    "load": "commands.load",
    "models": "commands.models",
    "privacy": "commands.privacy",
    "sources": "commands.sources",
}
_ELSEWHERE = {
    "Engine": "data.engines",
    "Project": "commands.project",
    "Worklist": "commands.scoring",
    "open": "commands.project",
    "Policy": "worklist.policy",
    "connect": "data.engines",
    "read_policy": "commands.policies",
    "score_file": "commands.score",
}  # every other name is a function in the module of commands that has its name

if not TYPE_CHECKING:

    class _Public(ModuleType):
        """Public functions win over packages of the same name: ``payrec.worklist()`` and ``payrec.worklist.policy``."""

        def __setattr__(self, name: str, value: object) -> None:
            if not (name in __all__ and isinstance(value, ModuleType) and value.__name__ == f"payrec.{name}"):
                super().__setattr__(name, value)

    sys.modules[__name__].__class__ = _Public

    def __getattr__(name: str) -> object:
        """Import a public name when it is first used."""
        if name not in __all__:
            raise AttributeError(f"module 'payrec' has no attribute {name!r}")
        if name in _MODULES:
            public = import_module(f"payrec.{_MODULES[name]}")
        else:
            public = getattr(import_module(f"payrec.{_ELSEWHERE.get(name, f'commands.{name}')}"), name)
        globals()[name] = public
        return public


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
