"""Results → docs/benchmarks.md."""

from __future__ import annotations

import os
import platform
from collections.abc import Callable
from importlib.metadata import version
from math import log
from pathlib import Path

from benchmarks import page_steps
from benchmarks.tables import (
    Result,
    Results,
    cpu_of,
    cpu_ratio,
    group_table,
    in_group,
    judged,
    markdown,
    result,
    rows_per_cpu_s,
)

NOTES = Path(__file__).with_name("notes.md")
PACKAGES = (
    "duckdb",
    "pyarrow",
    "pandas",
    "polars",
    "scikit-learn",
    "xgboost-cpu",
    "lightgbm",
    "catboost",
    "psycopg2-binary",
)


def write(results: Results, path: Path) -> None:
    """Write the page from all results there are."""
    sections = [_head(), *(section(results) for section in SECTIONS), NOTES.read_text(encoding="utf-8")]
    path.write_text("\n".join(part for part in sections if part).rstrip() + "\n", encoding="utf-8")


def _head() -> str:
    packages = ", ".join(f"{name} {version(name)}" for name in PACKAGES)
    return f"""# Benchmarks

Made by `make bench` (`python -m benchmarks [names…] [--orders N …] [--json FILE]`); do not edit it by hand.
Every measurement runs in its own process, on simulated portfolios with seed 1. *CPU s* is user and system time of that
process, its threads and its children; wall time depends on who else uses the machine, so compare CPU seconds, and best
of all the ratios between two lines of one table. *Peak* is the largest resident memory of the process, its Python and
libraries (about 150 MB) included. CPU seconds also grow, by half or more, when other programs share the caches.

Machine: {platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}; {packages}.
"""


def _building(results: Results) -> str:
    table = group_table(results, "build", "Building the feature view")
    if not table:
        return ""
    small, large = result(results, "build", 100_000), result(results, "build", 1_000_000)
    pandas, scoring = result(results, "build-pandas", 1_000_000), result(results, "build-scoring", 1_000_000)
    growth = cpu_ratio(large, small)
    size = 1_000_000 if large else 100_000
    ordinary, night, former, next_day, dense, sole = (
        result(results, f"build{name}", size)
        for name in ("", "-scoring", "-0-1", "-next-day", "-dense", "-one-customer")
    )
    memory = large["peak_mb"] / pandas["peak_mb"] if large and pandas else None
    targets = judged(
        [
            ("1 million orders × 4 landmarks, at most 25 CPU s", large and large["cpu_s"], lambda v: v <= 25, "{:.1f}"),
            ("… and 2 GB", large and large["peak_mb"] / 1024, lambda v: v <= 2, "{:.2f}"),
            ("… CPU s, of those of vectorised pandas, below 1", cpu_ratio(large, pandas), lambda v: v < 1, "{:.2f}"),
            ("… memory, of that of vectorised pandas, at most a third", memory, lambda v: v <= 1 / 3, "{:.2f}"),
            (f"at {size:,} orders, CPU s of those of 0.1, at most 0.36", cpu_ratio(ordinary, former), lambda v: v <= 0.36, "{:.2f}"),
            ("… with 1,000 orders a customer, of those of the ordinary portfolio, at most 1.3", cpu_ratio(dense, ordinary), lambda v: v <= 1.3, "{:.2f}"),
            ("… with one customer, at most 1.3", cpu_ratio(sole, ordinary), lambda v: v <= 1.3, "{:.2f}"),
            ("… a day later, of a full build for one as_of, at most 0.2", cpu_ratio(next_day, night), lambda v: v <= 0.2, "{:.2f}"),
            ("for one time to score at, at most 4 CPU s", scoring and scoring["cpu_s"], lambda v: v <= 4, "{:.1f}"),
            ("… of these after the layers of single orders, which a night keeps", _after_staging(scoring), lambda v: v <= 4, "{:.1f}"),
            ("growth of CPU s from 100 thousand to 1 million, at most 12 times", growth, lambda v: v <= 12, "{:.1f}"),
            ("… as an exponent (1 is linear)", growth and log(growth, 10), lambda v: v <= log(12, 10), "{:.2f}"),
        ]
    )  # fmt: skip
    layers = large or small
    spent = layers["figures"]["layers_cpu_s"] if layers else {}
    where = markdown(("layer", "CPU s"), ((f"`{name}`", f"{cpu:.1f}") for name, cpu in spent.items()))
    details = f"Where they went at {layers['orders']:,} orders:\n\n{where}" if layers else ""
    return f"{table}\n{targets}\n{details}"


def _after_staging(scoring: Result | None) -> float | None:
    """CPU seconds of the layers after those of single orders (20 and on)."""
    if scoring is None:
        return None
    return float(sum(cpu for name, cpu in scoring["figures"]["layers_cpu_s"].items() if name >= "2" and name[0] < "9"))


def _scoring(results: Results) -> str:
    table = group_table(results, "score", "Scoring")
    largest = max((one["orders"] for one in in_group(results, "score")), default=0)
    logistic, trees = (result(results, f"score-{r}", largest) for r in ("logistic", "xgboost"))
    sklearn = result(results, "score-sklearn", largest)
    faster = rows_per_cpu_s(logistic) / rows_per_cpu_s(sklearn) if logistic and sklearn else None
    file, copied = result(results, "score-file", largest), result(results, "score-copy", largest)
    targets = judged(
        [
            (
                "logistic, at least 1 million rows per CPU s",
                logistic and rows_per_cpu_s(logistic),
                lambda v: v >= 1e6,
                "{:,.0f}",
            ),
            ("xgboost, at least 60,000 rows per CPU s", trees and rows_per_cpu_s(trees), lambda v: v >= 6e4, "{:,.0f}"),
            ("logistic against the scikit-learn pipeline, times faster", faster, lambda v: v > 1, "{:.0f}"),
            (
                "Parquet to ranked Parquet, at most 3 times DuckDB's copying",
                cpu_ratio(file, copied),
                lambda v: v <= 3,
                "{:.1f}",
            ),
        ]
    )
    return f"{table}\n{targets}" if table else ""


def _reading(results: Results) -> str:
    table = group_table(results, "read", "Reading feature rows from PostgreSQL")
    largest = max((one["orders"] for one in in_group(results, "read")), default=0)
    ours, theirs = result(results, "read-adbc", largest), result(results, "read-pandas", largest)
    client = theirs["cpu_s"] / ours["cpu_s"] if ours and theirs else None
    memory = theirs["peak_mb"] / ours["peak_mb"] if ours and theirs else None
    targets = judged(
        [
            ("CPU of the client, at least 4 times less", client, lambda v: v >= 4, "{:.1f}"),
            ("CPU of client and server together, times less", cpu_ratio(theirs, ours), lambda v: v > 1, "{:.1f}"),
            ("memory of the client, times less", memory, lambda v: v > 1, "{:.1f}"),
        ]
    )
    return f"{table}\n{targets}" if table else ""


def _quality(results: Results) -> str:
    sizes = sorted({one["orders"] for one in in_group(results, "quality")})
    return "\n".join(_quality_at(results, orders) for orders in sizes)


def _quality_at(results: Results, orders: int) -> str:
    limit = result(results, "quality-limit", orders)
    measured = [one for one in in_group(results, "quality") if one["orders"] == orders]
    if limit is None:
        return ""
    best, base = limit["figures"]["pr_auc"], limit["figures"]["base_rate"]
    known, reach = limit["figures"]["pr_auc_everything_known"], limit["figures"]["value_expected"]
    rows = []
    for one in sorted(measured, key=lambda o: -o["figures"]["pr_auc"]):
        f = one["figures"]
        worst = max(f["ece_by_age"], key=lambda age: f["ece_by_age"][age])
        speed = one["rows"] / max(one["predict_cpu_s"], 1e-9)
        rows.append(
            (one["title"], f"{f['pr_auc']:.4f}", f"{(f['pr_auc'] - base) / (best - base):.1%}", f"{f['roc_auc']:.4f}",
             f"{f['log_loss']:.4f}", f"{f['ece']:.4f}", f"{f['ece_by_age'][worst]:.4f} (age {worst})",
             f"{f['value_expected']:.2%}", f"{f['value_expected'] / reach:.2%}", f"{f['value_realised']:.2%}",
             f"{one['fit_cpu_s']:.1f}", f"{speed:,.0f}",
             f"{one['peak_mb']:,.0f}")
        )  # fmt: skip
    head = ("", "PR AUC", "gap closed", "ROC AUC", "log loss", "ECE", "worst ECE at an age", "value, of everything known",
            "of the limit", "value, realised", "fit CPU s", "predict rows per CPU s", "peak MB")  # fmt: skip
    title = f"## Quality at {orders:,} orders: {limit['train_rows']:,} snapshots learnt from, {limit['rows']:,} tested"
    marks = f"PR AUC of a constant {base:.4f}, of the learnable limit {best:.4f}, of everything known {known:.4f}."
    return f"{title}\n\n{marks}\n\n{markdown(head, rows)}\n{_quality_targets(results, orders, best, base)}"


def _quality_targets(results: Results, orders: int, best: float, base: float) -> str:
    auto, limit = result(results, "quality-auto", orders), result(results, "quality-limit", orders)
    if auto is None or limit is None:
        return ""
    f, reach = auto["figures"], limit["figures"]["value_expected"]
    return judged(
        [
            ("`auto` closes at least 93 % of the gap", (f["pr_auc"] - base) / (best - base), lambda v: v >= 0.93, "{:.1%}"),
            ("`auto`, ECE at most 0.02 at every age", max(f["ece_by_age"].values()), lambda v: v <= 0.02, "{:.4f}"),
            ("`auto`, value in the top 10 %, at least 99 % of the true probabilities'", f["value_expected"],
             lambda v: v >= 0.99, "{:.2%}"),
            ("… of what the learnable limit captures", f["value_expected"] / reach, lambda v: v >= 0.99, "{:.2%}"),
        ]
    )  # fmt: skip


def _training(results: Results) -> str:
    table = group_table(results, "train", "Training, twice")
    if not table:
        return ""
    details = []
    for one in in_group(results, "train"):
        second = result(results, f"{one['name']}-again", one["orders"])
        if second is not None:
            same = one["figures"]["bundle"] == second["figures"]["bundle"]
            verdict = "the same bytes" if same else "OTHER BYTES"
            details.append(f"- {one['title']} at {one['orders']:,} orders, again in another process: **{verdict}**")
    large = result(results, "train-xgboost", 1_000_000)
    targets = judged([("xgboost on 1 million snapshots, under 180 CPU s (it runs on one core)",
                         large and large["cpu_s"], lambda v: v < 180, "{:.0f}")])  # fmt: skip
    return f"{table}\n" + "\n".join(details) + f"\n{targets}"


def _nightly(results: Results) -> str:
    table = group_table(results, "night", "A night")
    names = ("night", "night-again", "night-postgres", "write-back")
    run, again, served, back = (result(results, name, 1_000_000) for name in names)
    targets = judged(
        [
            ("payrec run at 1 million orders, under 60 CPU s", run and run["cpu_s"], lambda v: v < 60, "{:.1f}"),
            ("… under 3 GB", run and run["peak_mb"] / 1024, lambda v: v < 3, "{:.2f}"),
            ("the same again, under 5 s", again and again["wall_s"], lambda v: v < 5, "{:.1f} s"),
            (
                "on PostgreSQL, client and server, under 120 CPU s",
                served and cpu_of(served),
                lambda v: v < 120,
                "{:.1f}",
            ),
            ("… the same again, under 5 s", served and served["figures"]["again_wall_s"], lambda v: v < 5, "{:.1f} s"),
            (
                "write-back, over 30,000 rows a second",
                back and back["rows"] / back["wall_s"],
                lambda v: v > 30_000,
                "{:,.0f}",
            ),
        ]
    )
    return f"{table}\n{targets}" if table else ""


SECTIONS: tuple[Callable[[Results], str], ...] = (
    _building, page_steps.section, page_steps.one_customer, _scoring, _reading, _quality, _training, _nightly,
)  # fmt: skip
