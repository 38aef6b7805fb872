"""Which failed or unpaid payments will be recovered in the next 30 days, and whom to contact first.

The map, in the order in which the data walks; each word is also a command (``payrec WORD``)::

    file → raw               simulate, load.transactions, load.events, load.fx      (connect gives the engine)
    raw → staging → snapshots → features, labels        build, sql, features; check audits them
    features, labels → model                            train; models.list, show, promote, rollback
    model → how good it is                              backtest, report
    features, model → probabilities → decided list      score, score_file, explain
    list → published → watched                          run, worklist, monitor
    all of it on made data                              demo

Pictures are in ``payrec.charts``. The rooms below, top may use below: ``cli | app > api > pipeline > action > model >
data > charts | settings > errors``. Nothing is imported before it is used. ``docs/python.md`` is the manual.

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
    from payrec.api import load, models
    from payrec.api.deciding import demo, explain, monitor, run, score, score_file, worklist
    from payrec.api.learning import backtest, report, train
    from payrec.api.preparing import build, check, features, simulate, sql
    from payrec.common import errors
    from payrec.data.engines import Engine, connect
    from payrec.worklist.policy import Policy

__all__ = [
    "Engine",
    "Policy",
    "backtest",
    "build",
    "charts",
    "check",
    "connect",
    "demo",
    "errors",
    "explain",
    "features",
    "load",
    "models",
    "monitor",
    "read_policy",
    "report",
    "run",
    "score",
    "score_file",
    "simulate",
    "sql",
    "train",
    "worklist",
]

_MODULES = {"charts": "charts", "errors": "common.errors", "load": "api.load", "models": "api.models"}
_HOMES = {
    "api.preparing": ("build", "check", "features", "simulate", "sql"),
    "api.learning": ("backtest", "report", "train"),
    "api.deciding": ("demo", "explain", "monitor", "run", "score", "score_file", "worklist"),
    "data.engines": ("Engine", "connect"),
    "worklist.policy": ("Policy",),
}

if not TYPE_CHECKING:

    class _Public(ModuleType):
        """Public functions win over rooms of the same name: ``payrec.worklist()`` beside ``payrec.worklist.policy``."""

        def __setattr__(self, name: str, value: object) -> None:
            if not (name in __all__ and isinstance(value, ModuleType) and value.__name__ == f"payrec.{name}"):
                super().__setattr__(name, value)

    sys.modules[__name__].__class__ = _Public

    def __getattr__(name: str) -> object:
        """Import a public name when it is first used."""
        if name in _MODULES:
            found = import_module(f"payrec.{_MODULES[name]}")
        elif name == "read_policy":
            found = import_module("payrec.commands.policies").read_policy
        else:
            home = next((home for home, names in _HOMES.items() if name in names), None)
            if home is None:
                raise AttributeError(f"module 'payrec' has no attribute {name!r}")
            found = getattr(import_module(f"payrec.{home}"), name)
        globals()[name] = found
        return found


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
