"""Commands of the nightly run: run, monitor."""

from __future__ import annotations

from math import isfinite
from pathlib import Path
from typing import Annotated, Any

import typer

import payrec
from payrec.cli import options, output
from payrec.cli.options import AsOf, Capacity, Database, Json, PaymentsUntil, PolicyFile
from payrec.cli.summaries import show_list, show_unmapped
from payrec.common.errors import CheckFailed, UsageError

MetricsFile = Annotated[
    Path | None,
    typer.Option("--metrics", metavar="FILE", help="Also write the figures in the text format of Prometheus."),
]
PER_FEATURE = ("psi", "new_", "vanished")  # figures of single features; shown only if they are not ok


def run(
    as_of: AsOf = None, policy: PolicyFile = None, capacity: Capacity = None,
    wait_s: Annotated[
        float,
        typer.Option("--wait", min=0, max=604_800, metavar="SECONDS", help="Wait for another run to end."),
    ] = 0.0,
    replay: Annotated[
        str | None, typer.Option("--replay", metavar="RUN_ID", help="Compute a past list again and compare it.")
    ] = None,
    trust_clock: Annotated[bool, typer.Option("--trust-clock", help="Accept a clock far from the last run.")] = False,
    serve: Annotated[bool, typer.Option("--serve", help="Serve this list even if the served one is newer.")] = False,
    payments_until: PaymentsUntil = None, url: Database = None, as_json: Json = False,
) -> None:  # fmt: skip
    """Build, check, score, decide, publish and monitor, once."""
    settings = options.configured()
    if replay is not None:
        if as_of or policy or capacity is not None or payments_until:
            msg = "found --replay with --as-of, --payments-until, --policy or --capacity, expected it alone"
            raise UsageError(f"{msg}: the run knows its own")
        _replay(replay, url, as_json)
        return
    known_until = options.moment(payments_until, "--payments-until")
    with output.steps(as_json) as step:
        done = payrec.run(
            url or settings.database_url(), options.now(), options.moment(as_of, "--as-of"), settings.models_dir,
            settings.published_dir, policy or settings.policy, capacity, wait_s, trust_clock=trust_clock, serve=serve,
            payments_until=known_until, progress=step, **options.operation(settings),
        )  # fmt: skip
    document = done.summary() | {
        "already_done": done.already_done,
        "served_run_id": done.served.run.run_id,
        "level": done.level,
        "verdicts": [_plain_verdict(v) for v in done.verdicts],
        "alerts": [vars(d) for d in done.deliveries],
        "too_old": done.too_old,
        "unmapped_reason_codes": done.unmapped_reason_codes,
    }

    def render() -> None:
        show_list(document, known_until)
        ended = "already done: nothing has changed" if done.already_done else "published"
        if done.served != done.published:
            ended += f"; the list as of {done.served.run.as_of:%Y-%m-%d} stays served (--serve serves this one)"
        output.say(ended)
        for verdict in done.verdicts:
            if verdict.level != "ok":
                output.say(f"{verdict.level:>6}  {verdict.sentence}")
        show_unmapped(done.unmapped_reason_codes)

    output.emit(document, as_json, render, kept="the list is published")
    if done.level == "alarm":
        raise CheckFailed("published, but monitoring raises an alarm; see above, or payrec monitor")


def _plain_verdict(verdict: Any) -> dict[str, Any]:
    figure = verdict.figure
    numbers = {k: v for k, v in (("value", figure.value), ("beside", figure.reference)) if isfinite(v)}
    names = {"metric": figure.metric, "subject": figure.subject, "level": verdict.level, "sentence": verdict.sentence}
    return names | numbers


def _replay(run_id: str, url: str | None, as_json: bool) -> None:
    settings = options.configured()
    with options.published(url, settings) as store, output.steps(as_json) as step:
        again = payrec.replay(run_id, store, settings.models_dir, step)
    document = {"run_id": run_id, "equal": again.equal, "rows": again.rows, "published": again.published}
    document["differs"] = again.differs

    def render() -> None:
        if again.equal:
            output.say(f"run {run_id} computed again: the same {again.rows:,} rows")
        for name, rows in again.differs.items():
            output.say(f"{name} differs in {rows:,} of {again.rows:,} rows")

    output.emit(document, as_json, render)
    if not again.equal:
        raise CheckFailed(
            f"run {run_id} computed again gives {again.rows:,} rows, {again.published:,} were published, and they "
            "differ\nsomeone changed the published rows, or this version of payrec decides differently"
        )


def monitor(
    policy: PolicyFile = None, metrics: MetricsFile = None, url: Database = None, as_json: Json = False
) -> None:
    """Show the verdicts on the newest published run."""
    settings = options.configured()
    with options.published(url, settings) as store:
        watched = payrec.monitor(store, policy or settings.policy, options.now(), metrics)
    rows = watched.verdicts.to_pylist()

    def render() -> None:
        output.say(f"run {watched.run.run_id}, as of {watched.run.as_of:%Y-%m-%d %H:%M} UTC")
        calm = [r for r in rows if r["level"] == "ok" and r["metric"].startswith(PER_FEATURE)]
        for row in rows:
            if row not in calm:
                output.say(f"{row['level']:>6}  {row['sentence']}")
        output.say(f"    ok  {len(calm)} more figures, of single features; --json shows all")
        show_unmapped(watched.unmapped_reason_codes)

    document = {"run_id": watched.run.run_id, "as_of": watched.run.as_of, "verdicts": rows}
    output.emit(document | {"unmapped_reason_codes": watched.unmapped_reason_codes}, as_json, render)
    if watched.level == "alarm":
        raise CheckFailed("the newest run raises an alarm; see above")
