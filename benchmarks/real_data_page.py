"""docs/real-data.md: every figure comes from what :mod:`benchmarks.real_data` measured, none is typed in."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from benchmarks.real_sets import SETS, Mark, RealSet

Figures = dict[str, Any]
METRICS = (("PR AUC", "pr_auc"), ("ROC AUC", "roc_auc"), ("Brier", "brier"))

HEAD = """# Real data

Made by `python -m benchmarks.real_data`: the main job on real data by the commands of the README alone, on DuckDB and
on PostgreSQL. The data are not in this repository (`PAYREC_REAL_DATA` names their folder); the maps are in
`docs/maps`. Each set is split once in time: trained on snapshots that had matured by the split, tested on all orders after
it, at age 0. A *mark* is the best result of plain logistic regression, LightGBM and CatBoost on the same rows,
with hand-made features from the same facts. Intervals are 95 %, resampled by customer: a mark inside one is neither
beaten nor missed. The marks ask at the invoice date, so the due date is left out of the maps of invoices and receivables
(invoices have their terms in days as `payment_method` instead, added to the file); what the same models reach from the due date stands below each table.
"""

AT_DUE_DATE = """**Asked at the due date.** With `due_date` in the map an order's age counts from there, and an order is not on the list before
it. The same split then asks about the orders still open when they fall due ({rows:,}, {base_rate:.1%} paid within 30 days of it),
which is another question than that of the mark:

{table}
"""

WHY_INVOICES = """
**Likely reason.** The file says when each invoice was *entered*. That is never after its payment, so an invoice
entered more than 30 days after its date cannot have been paid in time; but on the invoice date nobody knows when it
will be entered, so payrec leaves the column alone. With its delay as a column (which is a leak), the same recipes on
the same split give:

{table}

The test window is also a year without refit, whereas payrec refits when it runs.
"""

WHY_FINES = """
**Likely reason.** The mark includes the fines paid on their first day, so it has a higher base
rate: compare each result with its own base rate. Both are low because fines have no customer: every case is
its own, so there is no history, and history carries most of the signal where customers come back. What is left is the
kind of offence, the place, the amount and the calendar.
"""

WHY_PENALTY = """
**Why, as far as found.** What says most here is how long the notice took to arrive; payrec has it as the days since the
fine was sent. Plain logistic regression, LightGBM and CatBoost, fitted once more to the fine, its delays and its
categories, did not reach the mark either, so its features held something that the maps here do not.
"""


def page(kept: dict[str, Figures], before: str = "") -> str:
    """Return the page: the sets measured so far, and of the others what the page said before."""
    former = {part.split("\n", 1)[0]: f"## {part.rstrip()}\n" for part in before.split("\n## ")[1:]}
    sections = (_section(real, kept[real.name]) if real.name in kept else former.get(real.name, "") for real in SETS)
    return "\n".join([HEAD, *filter(None, sections)]).rstrip() + "\n"


def _section(real: RealSet, engines: Figures) -> str:
    duck = engines["duckdb"]
    parts = [f"## {real.name}\n\n{real.asks[0].upper()}{real.asks[1:]}.\n", _commands(real), _loads(duck)]
    parts += [_figures(real, duck), _verdict(real.mark, duck["tests"])]
    if "at_due_date" in duck:
        parts.append(AT_DUE_DATE.format(table=_recipes(duck["at_due_date"], ""), **_rows_of(duck["at_due_date"])))
    if "with_entry_delay" in duck:
        parts.append(WHY_INVOICES.format(table=_recipes(duck["with_entry_delay"], ", with the delay")))
    if real.name.startswith("traffic"):
        parts.append(WHY_PENALTY if "penalty" in real.name else WHY_FINES)
    parts += [_night(real, engines), _engines(engines)]
    return "\n".join(parts)


def _commands(real: RealSet) -> str:
    lines = [f"export PAYREC_LANDMARK_AGES={real.ages}"] if real.name.startswith("traffic") else []
    lines += [f"payrec load {kind} {file.split('/')[1]} --map docs/maps/{m}.toml" for kind, file, m in real.loads]
    until = f" --until {real.until}" if real.until else ""
    lines += ["payrec check", "payrec build", f"payrec backtest --split {real.split}{until} --ages 0 --recipe logistic"]
    lines += [
        f"PAYREC_TRAIN_MAX_ROWS=150000 payrec train --as-of {real.train_as_of}",
        f"payrec run --as-of {real.run_as_of}",
    ]
    return "```text\n" + "\n".join(lines) + "\n```\n"


def _loads(duck: Figures) -> str:
    counts = "; ".join(
        f"{r['rows_in']:,} rows = {r['loaded']:,} loaded + {r['rejected']:,} rejected + {r['duplicates']:,} duplicates"
        + (f" + {r['left_out']:,} left out by the map" if r["left_out"] else "")
        for r in duck["loads"]
    )
    findings = "".join(f"\n- {line}" for line in duck["findings"]) or " nothing."
    return f"Loaded: {counts}. {duck['snapshots']:,} snapshots. The audit found:{findings}\n"


def _figures(real: RealSet, duck: Figures) -> str:
    tests: dict[str, Figures] = duck["tests"]
    one = next(iter(tests.values()))
    mark = real.mark
    rows = [_row(f"payrec, {name}", row) for name, row in tests.items()]
    history = one["history_rate"]
    rows.append(("customer's history alone", f"{history['pr_auc']:.3f}", f"{history['roc_auc']:.3f}", ""))
    brier = "" if mark.brier is None else f"{mark.brier:.3f}"
    rows.append(("**mark**", f"**{mark.pr_auc:.3f}**", f"**{mark.roc_auc:.3f}**", f"**{brier}**" if brier else ""))
    row = f"{one['rows']:,} test rows, {one['base_rate']:.1%} paid (the mark's rows: {mark.base_rate:.1%})."
    at_once = duck["orders_in_window"] - one["rows"] if real.until else 0
    if at_once > 0.01 * one["rows"]:
        row += (
            f" {at_once:,} more were paid on their first day: payrec never asks about those, and counting them as paid "
            f"gives {(one['base_rate'] * one['rows'] + at_once) / duck['orders_in_window']:.1%}."
        )
    return row + "\n\n" + _table([("", *(title for title, _ in METRICS)), *rows]) + "\n"


def _recipes(tests: dict[str, Figures], words: str) -> str:
    return _table([("", *(title for title, _ in METRICS)), *(_row(name + words, row) for name, row in tests.items())])


def _rows_of(tests: dict[str, Figures]) -> Figures:
    one = next(iter(tests.values()))
    return {name: one[name] for name in ("rows", "base_rate")}


def _row(name: str, row: Figures) -> tuple[str, ...]:
    cells = []
    for _, key in METRICS:
        low, high = row["ci95"].get(key, (None, None))
        cells.append(f"{row[key]:.3f}" + ("" if low is None or high is None else f" ({low:.3f} to {high:.3f})"))
    return (name, *cells)


def _verdict(mark: Mark, tests: dict[str, Figures]) -> str:
    base = next(iter(tests.values()))["base_rate"]
    best = max(row["pr_auc"] for row in tests.values())
    return (
        "Against the mark:"
        + "".join(f"\n- {line}" for line in _compared(mark, tests))
        + f"\n- PR AUC over the base rate, where the base rates differ the fairer figure: {best / base:.2f} here, "
        f"{mark.pr_auc / mark.base_rate:.2f} for the mark\n"
    )


def _compared(mark: Mark, tests: dict[str, Figures]) -> Iterator[str]:
    for title, key in METRICS:
        wanted = getattr(mark, key)
        if wanted is None:
            continue
        sign = -1 if key == "brier" else 1
        name, best = max(tests.items(), key=lambda item: sign * item[1][key])
        gap = sign * (best[key] - wanted)
        low, high = best["ci95"][key]
        inside = "inside the interval" if low <= wanted <= high else "outside the interval"
        yield f"{title} {'reached' if round(gap, 3) >= 0 else 'missed'} by {abs(gap):.3f} ({name}; mark {inside})"


def _night(real: RealSet, engines: Figures) -> str:
    row = engines["duckdb"]["night"]
    gate = f" The gate said: {'; '.join(row['gate'])}; promoted by hand." if row["gate"] else ""
    alarm = " The run ended with exit code 1: an alarm of the monitoring." if row["exit_code"] else ""
    return (
        f"The night of {real.run_as_of} ({row['recipe']}): {row['open']:,} open orders were asked about; of "
        f"the first {row['listed']:,} of the list {row['expected']:,.0f} was expected back, and {row['came']:,.0f} "
        f"came.{gate}{alarm}\n"
    )


def _engines(engines: Figures) -> str:
    seconds = {name: sum(engines[name]["seconds"].values()) for name in ("duckdb", "postgres") if name in engines}
    if "postgres" not in engines:
        return f"All commands together took {seconds['duckdb']:,.0f} s on DuckDB, on a busy machine.\n"
    largest = engines["largest_difference"]
    equal = "with the same probabilities" if largest == 0 else f"no probability differing by more than {largest:.1e}"
    return (
        f"On PostgreSQL the same orders were tested, {equal}. All commands together took {seconds['duckdb']:,.0f} s "
        f"on DuckDB and {seconds['postgres']:,.0f} s on PostgreSQL, on a busy machine.\n"
    )


def _table(rows: list[tuple[str, ...]]) -> str:
    head, *body = rows
    lines = [head, tuple("---" for _ in head), *body]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)
