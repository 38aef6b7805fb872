"""Commands that end in money: score, worklist."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from payrec.cli import output
from payrec.cli.options import AsOf, Database, Json, configured, database, moment, now, published_store
from payrec.common.errors import UsageError

if TYPE_CHECKING:
    from payrec.common.settings import Settings

PolicyFile = Annotated[Path | None, typer.Option("--policy", metavar="policy.toml", help="Capacity, costs, rules.")]
Features = Annotated[
    Path | None, typer.Option("--features", metavar="FILE.csv", help="An exported feature view; needs no database.")
]
Capacity = Annotated[int | None, typer.Option("--capacity", min=0, metavar="K", help="How many contacts there can be.")]


def chosen_policy(settings: Settings, file: Path | None, capacity: int | None = None) -> Any:
    """Read the policy named on the command line, else the configured one, else the defaults."""
    from dataclasses import replace

    from payrec.commands import read_policy

    found = read_policy(file or settings.policy)
    return found if capacity is None else replace(found, capacity=replace(found.capacity, total=capacity))


def score(
    as_of: AsOf = None, capacity: Capacity = None, policy_file: PolicyFile = None,
    out: Annotated[Path | None, typer.Option("--out", metavar="FILE", help=".csv, .xlsx or .parquet.")] = None,
    features: Features = None,
    url: Database = None, as_json: Json = False,
) -> None:  # fmt: skip
    """Score and rank the open orders into a file, without publishing them."""
    from payrec import commands
    from payrec.model.store import versions
    from payrec.publish import export

    settings = configured()
    champion = versions.champion(settings.models_dir)
    rules, at = chosen_policy(settings, policy_file, capacity), moment(as_of, "--as-of")
    with output.steps(as_json) as step:
        if features is not None:
            decided = commands.score_file(features, champion, rules, at, now(), step)
        else:
            with database(url, settings) as engine:
                decided = commands.score(engine, commands.question(engine, champion, rules, at, now(), step), step)
        out = out or settings.out_dir / f"worklist_{decided.run.scored_at:%Y%m%d_%H%M%S}.csv"
        out.parent.mkdir(parents=True, exist_ok=True)
        export.write(decided.ranked, out, decided.run.stamp)
    document = summary(decided.ranked, decided.run) | {"file": out, "too_old": decided.too_old}

    def render() -> None:
        show_summary(document)
        output.say(f"the ranked list is in {out}")

    output.emit(document, as_json, render)


def summary(ranked: Any, run: Any) -> dict[str, Any]:
    """Sum up a ranked list per currency: what is open, what is expected, what the first K bring."""
    rows = ranked.select(
        [
            "currency",
            "outstanding",
            "ev_currency",
            "ev_recovered",
            "net_value",
            "priority_flag",
            "rank",
            "suppressed_reason",
        ]
    ).to_pandas(types_mapper=None)
    rows["listed"] = rows["rank"].notna()
    rows["chosen"] = rows["priority_flag"] == 1
    by_currency = {}
    for name, part in rows.groupby("ev_currency", dropna=True):
        listed, chosen = part[part["listed"]], part[part["chosen"]]
        by_currency[str(name)] = {
            "ranked": len(listed),
            "chosen": len(chosen),
            "expected": float(listed["ev_recovered"].astype(float).sum()),
            "expected_of_chosen": float(chosen["ev_recovered"].astype(float).sum()),
        }
    opened = rows.groupby("currency")["outstanding"].agg(["size", "sum"])
    return {
        "run_id": run.run_id,
        "as_of": run.as_of,
        "model_id": run.model_id,
        "orders": len(rows),
        "open": {str(c): {"orders": int(r["size"]), "outstanding": float(r["sum"])} for c, r in opened.iterrows()},
        "value": by_currency,
        "suppressed": {str(k): int(v) for k, v in rows["suppressed_reason"].value_counts().items()},
    }


def show_summary(told: dict[str, Any]) -> None:
    """Print a summary for people."""
    output.say(f"as of {told['as_of']:%Y-%m-%d %H:%M} UTC, model {told['model_id']}, run {told['run_id']}")
    if not told["orders"]:
        output.say("nothing to score: no order is open at this time")
        return
    rows = [(c, f"{v['orders']:,}", f"{v['outstanding']:,.2f}") for c, v in told["open"].items()]
    output.table(["open, by currency", "orders", "outstanding"], rows)
    money = [
        (c, f"{v['ranked']:,}", f"{v['expected']:,.2f}", f"{v['chosen']:,}", f"{v['expected_of_chosen']:,.2f}")
        for c, v in told["value"].items()
    ]
    output.table(["expected back, in", "ranked", "of all", "chosen", "of the chosen"], money)
    if told["suppressed"]:
        said = ", ".join(f"{n:,} {reason}" for reason, n in told["suppressed"].items())
        output.say(f"not ranked: {said}")


def worklist(
    out: Annotated[Path, typer.Option("--out", metavar="FILE", help=".csv, .xlsx or .parquet.")],
    capacity: Capacity = None,
    url: Database = None,
    as_json: Json = False,
) -> None:
    """Export the first K of the list that is published now."""
    from decimal import Decimal

    import pyarrow as pa
    import pyarrow.compute as pc

    from payrec.publish import export

    settings = configured()
    with published_store(settings, url) as store:
        found, rows = _published(store)
    pays = rows.filter(pc.and_(pc.is_valid(rows["rank"]), pc.greater_equal(rows["net_value"], pa.scalar(Decimal(0)))))
    kept = pays.slice(0, capacity) if capacity is not None else chosen_rows(rows)
    out.parent.mkdir(parents=True, exist_ok=True)
    written = export.write(kept, out, found.run.stamp)
    document = {"file": out, "rows": written, "run_id": found.run.run_id, "as_of": found.run.as_of}
    output.emit(
        document, as_json, lambda: output.say(f"{written:,} orders as of {found.run.as_of:%Y-%m-%d %H:%M} UTC in {out}")
    )


def chosen_rows(ranked: Any) -> Any:
    """Return the rows to act on."""
    return ranked.filter(ranked["priority_flag"].to_numpy() == 1)


def _published(store: Any) -> tuple[Any, Any]:
    found = store.current()
    if found is None:
        msg = "found no published list, expected one\nmake it: payrec run"
        raise UsageError(msg)
    return found, store.scores(found.run.run_id)
