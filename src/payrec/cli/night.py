"""Commands of the night: run, monitor."""

from __future__ import annotations

import os
import socket
from typing import TYPE_CHECKING, Annotated, Any

import typer

from payrec.cli import output
from payrec.cli.action import Capacity, PolicyFile, chosen_policy, show_summary, summary
from payrec.cli.options import AsOf, Database, Json, configured, moment, now, published_store
from payrec.common.errors import CheckFailed, UsageError

if TYPE_CHECKING:
    from payrec.common.settings import Settings

UNMAPPED_SHOWN = 10


def run(
    as_of: AsOf = None, policy_file: PolicyFile = None, capacity: Capacity = None,
    wait: Annotated[float, typer.Option("--wait", metavar="SECONDS", help="Wait for another run to end.")] = 0.0,
    replay: Annotated[
        str | None, typer.Option("--replay", metavar="RUN_ID", help="Make a past list again and compare it.")
    ] = None,
    url: Database = None, as_json: Json = False,
) -> None:  # fmt: skip
    """Build, check, score, decide, publish and monitor: once; the same run again changes nothing."""
    from payrec import commands

    settings = configured()
    if replay is not None:
        if as_of or policy_file or capacity is not None:
            msg = "found --replay beside --as-of, --policy or --capacity, expected it alone: the run knows its own"
            raise UsageError(msg)
        _replay(settings, url, replay, as_json)
        return
    how = night_of(settings, url, chosen_policy(settings, policy_file, capacity), moment(as_of, "--as-of"), wait)
    with output.steps(as_json) as step:
        report = commands.night(how, step)
    document = summary(report.ranked, report.published.run) | {
        "already_done": report.already_done,
        "level": report.level,
        "verdicts": [_plain_verdict(v) for v in report.verdicts],
        "alerts": [vars(d) for d in report.deliveries],
        "too_old": report.too_old,
        "unmapped_reason_codes": unmapped(report.ranked, how.policy),
    }

    def render() -> None:
        show_summary(document)
        output.say("already done: nothing has changed" if report.already_done else "published")
        for one in report.verdicts:
            if one.level != "ok":
                output.say(f"{one.level:>6}  {one.sentence}")
        _show_unmapped(document["unmapped_reason_codes"])

    output.emit(document, as_json, render)
    if report.level == "alarm":
        msg = "published, but monitoring raises an alarm; see above, or payrec monitor"
        raise CheckFailed(msg)


PER_FEATURE = ("psi", "new_", "vanished")  # shown only where they are worth a look


def unmapped(ranked: Any, rules: Any) -> list[dict[str, Any]]:
    """List the reason codes of a list that have no meaning yet, with the orders that have them."""
    from payrec.worklist import reason_codes

    codes = reason_codes.read(rules.reason_codes.file, rules.reason_codes.scheme_of)
    found: list[dict[str, Any]] = reason_codes.unmapped(ranked, codes).to_pylist()
    return found


def _show_unmapped(found: list[dict[str, Any]]) -> None:
    if not found:
        return
    rows = [(r["provider"], r["payment_method"], r["reason_code"], f"{r['rows']:,}") for r in found[:UNMAPPED_SHOWN]]
    output.table(["provider", "payment method", "reason code without a meaning", "orders"], rows)
    if len(found) > len(rows):
        output.say(f"and {len(found) - len(rows):,} more; --json shows all")
    output.say("give them one in a file of your own: docs/reason-codes.md")


def _replay(settings: Settings, url: str | None, run_id: str, as_json: bool) -> None:
    from payrec import commands

    with published_store(settings, url) as store, output.steps(as_json) as step:
        found = commands.replayed(store, settings.models_dir, run_id, step)
    document = {"run_id": run_id, "equal": found.equal, "rows": found.rows, "published": found.published}
    document["differs"] = found.differs

    def render() -> None:
        if found.equal:
            output.say(f"run {run_id} made again: the same {found.rows:,} rows")
        for name, rows in found.differs.items():
            output.say(f"{name} differs in {rows:,} of {found.rows:,} rows")

    output.emit(document, as_json, render)
    if not found.equal:
        msg = (
            f"run {run_id} made again is not the list that was published: {found.rows:,} rows, {found.published:,} then"
        )
        raise CheckFailed(
            f"{msg}\nsomeone changed the published rows, or this payrec decides otherwise than the one then"
        )


def night_of(settings: Settings, url: str | None, rules: Any, as_of: Any, wait: float) -> Any:
    """Gather what a run needs to be told."""
    from payrec import commands
    from payrec.data.engines import keeps_lists
    from payrec.monitor import alerts
    from payrec.publish import lock

    address = url or settings.database_url()
    hidden = [s.get_secret_value() for s in (settings.db_pass, settings.alerts, settings.privacy_key) if s is not None]
    return commands.Night(
        as_of=as_of,
        models=settings.models_dir,
        policy=rules,
        published=None if keeps_lists(address) else settings.published_dir,
        holder=lock.Holder(os.getpid(), socket.gethostname(), now()),
        database_url=address,
        lock_folder=settings.out_dir,
        now=now(),
        wait_s=wait,
        alert_to=alerts.targets(settings.alerts.get_secret_value() if settings.alerts else None),
        secrets=tuple(hidden),
        retention_days=settings.retention_days,
    )


def _plain_verdict(one: Any) -> dict[str, Any]:
    from math import isfinite

    numbers = {k: v for k, v in (("value", one.figure.value), ("beside", one.figure.reference)) if isfinite(v)}
    return {
        "metric": one.figure.metric,
        "subject": one.figure.subject,
        "level": one.level,
        "sentence": one.sentence,
    } | numbers


def monitor(policy_file: PolicyFile = None, url: Database = None, as_json: Json = False) -> None:
    """Show what monitoring found in the published runs; exit 1 if the newest raises an alarm."""
    settings = configured()
    with published_store(settings, url) as store:
        found, history = store.current(), store.verdicts()
        if found is None:
            msg = "found no published run, expected one\nmake it: payrec run"
            raise UsageError(msg)
        ranked = store.scores(found.run.run_id)
    meaningless = unmapped(ranked, chosen_policy(settings, policy_file))
    rows = [r for r in history.to_pylist() if r["run_id"] == found.run.run_id]
    order = {"alarm": 0, "watch": 1, "ok": 2}
    rows.sort(key=lambda r: order[r["level"]])

    def render() -> None:
        output.say(f"run {found.run.run_id}, as of {found.run.as_of:%Y-%m-%d %H:%M} UTC")
        calm = [r for r in rows if r["level"] == "ok" and r["metric"].startswith(PER_FEATURE)]
        for row in rows:
            if row not in calm:
                output.say(f"{row['level']:>6}  {row['sentence']}")
        output.say(f"    ok  {len(calm)} more figures, of single features; --json shows all")
        _show_unmapped(meaningless)

    document = {"run_id": found.run.run_id, "as_of": found.run.as_of, "verdicts": rows}
    output.emit(document | {"unmapped_reason_codes": meaningless}, as_json, render)
    if any(r["level"] == "alarm" for r in rows):
        msg = "the newest run raises an alarm; see above"
        raise CheckFailed(msg)
