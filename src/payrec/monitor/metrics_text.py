"""Figures of the newest run as Prometheus reads them: the text exposition format, version 0.0.4."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

from payrec.monitor.verdicts import SEVERITY
from payrec.publish.run_info import RunInfo

Sample = tuple[Mapping[str, str], float]


def metrics_text(run: RunInfo, verdicts: Iterable[Mapping[str, Any]]) -> str:
    """Return how old the list and each kind of fact are, and every verdict, one gauge a line.

    Parameters
    ----------
    run
        The newest published run.
    verdicts
        Rows with ``metric, subject, level, value``; figures that are not numbers are left out.
    """
    rows = list(verdicts)
    feeds = run.summary.feeds
    gauges: list[tuple[str, str, list[Sample]]] = [
        ("list_as_of_seconds", "Time that the newest list is as of.", [({}, _seconds(run.as_of))]),
        ("list_scored_at_seconds", "Time at which the newest list was made.", [({}, _seconds(run.scored_at))]),
        ("list_orders", "Orders in the newest list, suppressed ones included.", [({}, run.summary.rows)]),
        (
            "newest_fact_seconds", "Time of the newest fact, by kind.",
            [({"kind": f.kind}, _seconds(f.newest_at)) for f in feeds],
        ),
        ("facts", "Facts known, by kind.", [({"kind": f.kind}, f.facts) for f in feeds]),
        (
            "fact_limit_days", "Days after which a kind of fact is late.",
            [({"kind": f.kind}, f.limit_days) for f in feeds if f.limit_days is not None],
        ),
        (
            "figure", "Figure of monitoring.",
            [(_labels(row), float(row["value"])) for row in rows if _is_number(row["value"])],
        ),
        ("verdict", "Verdict: 0 ok, 1 watch, 2 alarm.", [(_labels(row), SEVERITY[row["level"]]) for row in rows]),
    ]  # fmt: skip
    return "".join(line for gauge in gauges for line in _lines(*gauge))


def _lines(name: str, meaning: str, samples: list[Sample]) -> Iterator[str]:
    if samples:
        yield f"# HELP payrec_{name} {meaning}\n# TYPE payrec_{name} gauge\n"
    for labels, value in samples:
        inside = ",".join(f'{key}="{_escaped(text)}"' for key, text in labels.items())
        yield f"payrec_{name}{f'{{{inside}}}' if inside else ''} {value!r}\n"


def _labels(row: Mapping[str, Any]) -> dict[str, str]:
    return {"metric": row["metric"], "subject": row["subject"] or ""}


def _escaped(text: str) -> str:
    return text.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")


def _is_number(value: float | None) -> bool:
    return value is not None and math.isfinite(value)


def _seconds(moment: datetime) -> int:
    return int(moment.replace(tzinfo=UTC).timestamp())
