"""Figures in the text format of Prometheus."""

from __future__ import annotations

import re
from datetime import datetime
from types import SimpleNamespace
from typing import Any

from payrec.data.freshness import Feed
from payrec.monitor.metrics_text import metrics_text

DAY = datetime(1970, 1, 2)
LABEL = r'[a-z]+="(?:[^"\\\n]|\\[\\"n])*"'
LINE = re.compile(rf"payrec_[a-z_]+(\{{{LABEL}(,{LABEL})*\}})? -?[0-9.e+-]+")


def text_of(verdicts: list[dict[str, Any]], feeds: tuple[Feed, ...] = ()) -> list[str]:
    run: Any = SimpleNamespace(as_of=DAY, scored_at=datetime(1970, 1, 3), summary=SimpleNamespace(rows=7, feeds=feeds))
    lines = metrics_text(run, verdicts).splitlines()
    return [line for line in lines if not line.startswith("#")]


def test_each_gauge_is_a_line_with_its_value() -> None:
    feeds = (Feed("orders", 9, DAY, 1, 3), Feed("payments", 2, DAY, None, None))
    verdict = {"metric": "psi", "subject": "age_days", "level": "watch", "value": 0.125}
    assert text_of([verdict], feeds) == [
        "payrec_list_as_of_seconds 86400",
        "payrec_list_scored_at_seconds 172800",
        "payrec_list_orders 7",
        'payrec_newest_fact_seconds{kind="orders"} 86400',
        'payrec_newest_fact_seconds{kind="payments"} 86400',
        'payrec_facts{kind="orders"} 9',
        'payrec_facts{kind="payments"} 2',
        'payrec_fact_limit_days{kind="orders"} 3',
        'payrec_figure{metric="psi",subject="age_days"} 0.125',
        'payrec_verdict{metric="psi",subject="age_days"} 1',
    ]


def test_text_of_data_stays_a_label_and_what_is_no_number_is_left_out() -> None:
    hostile = 'a"} 1\nforged 2\\'
    verdicts = [
        {"metric": "new_share", "subject": hostile, "level": "alarm", "value": float("nan")},
        {"metric": "rows", "subject": None, "level": "ok", "value": None},
    ]
    lines = text_of(verdicts)
    assert all(LINE.fullmatch(line) for line in lines), lines
    assert [line.rpartition(" ")[2] for line in lines[3:]] == ["2", "0"]
