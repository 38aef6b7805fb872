"""What the data can be trusted with: findings that refuse training, warn, or only say what was left out.

Reads the raw and the built tables; numbers come from plain queries, verdicts from :class:`Limits`.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from math import sqrt
from typing import Any

from payrec.data import freshness, layers, list_findings, promises, version_changes
from payrec.data.engines import Engine
from payrec.data.findings import Audit, Finding, Limits, Part, first_row, in_order

DEFAULTS = Limits()
FINAL_COLUMNS = ("result_status", "reason_code", "auth_ts", "capture_ts", "retries", "chargeback_flag", "outstanding")
__all__ = ["Audit", "Finding", "Limits", "run"]


def run(engine: Engine, now: datetime, limits: Limits = DEFAULTS) -> Audit:
    """Audit a built database; ``now`` (UTC, naive) is the present, after which no fact can be known."""
    findings = [f for part in _PARTS for f in part(engine, now, limits)]
    rows = {"orders": "raw_transactions", "events": "raw_events", "snapshots": "snapshots"}
    counts = {name: layers.count(engine, table) for name, table in rows.items()}
    counts["matured"] = layers.count(engine, "labels", "label_recovered_30d IS NOT NULL")
    return Audit(in_order(findings), counts, freshness.feeds(engine), freshness.missing_months(engine))


def _promises(engine: Engine, now: datetime, limits: Limits) -> Iterator[Finding]:
    yield from broken_promises(engine)


_REMEDIES = {
    "money_in_other_currencies_has_a_rate": "load dated rates: payrec load fx FILE --reporting-currency CURRENCY",
    "money_events_state_their_amount": "load these events again with their amounts: payrec load events FILE",
}
_OUR_FAULT = "an error in payrec, not in your data: please report it"


def broken_promises(engine: Engine) -> Iterator[Finding]:
    """Yield a finding for each promise of the SQL layers that rows break: no list is made of them, and no model."""
    for check in promises.check(engine):
        if check.offending_rows:
            text = f"{check.offending_rows:,} rows break a promise of the SQL layers, for example {check.example}"
            text += f"\nexpected: {check.promise}\n{_REMEDIES.get(check.name, _OUR_FAULT)}"
            yield Finding(f"promise.{check.name}", "refuse", check.offending_rows, text)


def _early_payments(engine: Engine, now: datetime, limits: Limits) -> Iterator[Finding]:
    payments = first_row(
        engine,
        "SELECT COUNT(*) AS n, COUNT(payment_date) AS paid, "
        "COUNT(*) FILTER (WHERE payment_date < invoice_date) AS early FROM raw_transactions",
    )
    early, paid = payments["early"], payments["paid"]
    if early:
        unsafe = early > limits.payment_before_invoice_share * paid
        text = f"{early:,} of {paid:,} payments are dated before their invoice; they count as paid at once"
        if unsafe:
            text += (
                "\nexpected: next to none\nlook at the date order, and what is mapped to invoice_date and payment_date"
            )
        yield Finding("payment_before_invoice", "refuse" if unsafe else "warn", early, text)


def _future(engine: Engine, now: datetime, limits: Limits) -> Iterator[Finding]:
    days = engine.read(
        "SELECT day, COUNT(*) AS n, COUNT(*) FILTER (WHERE is_order = 1) AS orders "
        "FROM (SELECT DATE_TRUNC('day', known_at) AS day, 1 AS is_order FROM stg_orders "
        "UNION ALL SELECT DATE_TRUNC('day', CAST(payment_date AS TIMESTAMP) + INTERVAL '1' DAY), 0 "
        "FROM raw_transactions WHERE payment_date IS NOT NULL "
        "AND NOT EXISTS (SELECT 1 FROM payment_source AS s WHERE s.source = 'events') "
        "UNION ALL SELECT DATE_TRUNC('day', known_at), 0 FROM stg_events) AS facts GROUP BY day ORDER BY day"
    ).to_pylist()
    present = now + timedelta(days=1)
    ahead = [d for d in days if d["day"] > present]
    orders = sum(d["orders"] for d in ahead)
    if after := sum(d["n"] for d in ahead) - orders:
        text = (
            f"{after:,} payments and events lie after the present ({now:%Y-%m-%d %H:%M})\n"
            "expected: none, since labels ripen by the latest known fact\n"
            "correct the dates, or declare the end of the data with --observed-until"
        )
        yield Finding("future_facts", "refuse", after, text)
        return
    if finding := list_findings.ahead(engine, now):
        yield finding
        days = [d for d in days if d["day"] <= present]
    bulk = _bulk_ends(days)
    until = min(layers.observed_until(engine) or present, present)
    if bulk and until - bulk > timedelta(days=limits.stray_fact_days):
        stray = sum(d["n"] for d in days if d["day"] > bulk)
        text = (
            f"the data count as observed until {until:%Y-%m-%d}, but all save {stray:,} facts end on {bulk:%Y-%m-%d}\n"
            "expected: facts up to the end, or labels ripen too early\n"
            f"the newest orders: {list_findings.newest_orders(engine, stray)}\n"
            "correct the stray dates, or declare the end of the data with --observed-until"
        )
        yield Finding("stray_facts", "warn", stray, text)


def _bulk_ends(days: list[dict[str, Any]]) -> datetime | None:
    """Return the day by which 99.9 % of the facts are known."""
    total, so_far = sum(d["n"] for d in days), 0
    for d in days:
        so_far += d["n"]
        if so_far >= 0.999 * total:
            day: datetime = d["day"]
            return day
    return None


def _left_out(engine: Engine, now: datetime, limits: Limits) -> Iterator[Finding]:
    counts = ", ".join(f"COUNT({c}) AS {c}" for c in FINAL_COLUMNS)
    filled = first_row(engine, f"SELECT {counts} FROM raw_transactions")
    declared = {
        str(name) for name in engine.read("SELECT column_name FROM known_at_creation")["column_name"].to_pylist()
    }
    columns = [c for c in FINAL_COLUMNS if filled[c] and c not in declared]
    if columns:
        text = (
            f"left out as features: {', '.join(columns)}: final values, whose time is not known\n"
            "load an event log to use them as they were at any time; or, if a column is fixed when the order is made,\n"
            'declare it in the map: known_at_creation = ["…"]'
        )
        yield Finding("final_columns_left_out", "note", max(filled[c] for c in columns), text, "features")
    for column in sorted(declared & {"reason_code", "result_status"}):
        yield from _declared(engine, column, limits)


def _declared(engine: Engine, column: str, limits: Limits) -> Iterator[Finding]:
    """Test the claim that ``column`` was known at creation: open orders must look like finished ones."""
    rows = engine.read(
        f"SELECT COALESCE(t.{column}, '') AS value, COUNT(*) FILTER (WHERE o.recovered_at IS NULL) AS unpaid, "
        f"COUNT(*) FILTER (WHERE o.recovered_at IS NOT NULL) AS paid FROM raw_transactions AS t "
        f"JOIN stg_orders AS s ON s.order_id = t.order_id JOIN stg_outcomes AS o ON o.order_no = s.order_no "
        f"GROUP BY COALESCE(t.{column}, '')"
    ).to_pylist()
    paid, unpaid = sum(r["paid"] for r in rows), sum(r["unpaid"] for r in rows)
    if not paid or not unpaid:
        return
    distance = sum(abs(r["paid"] / paid - r["unpaid"] / unpaid) for r in rows) / 2
    if distance > limits.declared_difference:
        text = (
            f"{column} was declared known at creation, but differs by {distance:.0%} between paid and unpaid orders\n"
            f"expected: at most {limits.declared_difference:.0%}; a final value like this gives the answer away\n"
            "take it out of known_at_creation in the map, and load the event log instead"
        )
        yield Finding(f"declared.{column}", "refuse", paid + unpaid, text, "features")


def _currencies(engine: Engine, now: datetime, limits: Limits) -> Iterator[Finding]:
    rows = engine.read(
        "SELECT o.currency AS currency, COUNT(*) AS n, COUNT(f.amount_reporting_minor) AS priced "
        "FROM features AS f JOIN stg_orders AS o ON o.order_no = f.order_no "
        "GROUP BY o.currency ORDER BY o.currency"
    ).to_pylist()
    if len(rows) > 1 and not any(r["priced"] for r in rows):
        names = ", ".join(r["currency"] for r in rows)
        text = f"{len(rows)} currencies ({names}) and no rates: sums and ranks are per currency"
        text += "\nload rates to compare them: payrec load fx FILE"
        yield Finding("mixed_currencies", "note", sum(r["n"] for r in rows), text, "list")
    unpriced = [r for r in rows if any(x["priced"] for x in rows) and r["priced"] < r["n"]]
    if unpriced:
        names = ", ".join(f"{r['currency']} {r['n'] - r['priced']:,}" for r in unpriced)
        text = f"snapshots without a rate known at their time: {names}\nload older rates: payrec load fx FILE"
        yield Finding("missing_rates", "warn", sum(r["n"] - r["priced"] for r in unpriced), text)


def _too_few(engine: Engine, now: datetime, limits: Limits) -> Iterator[Finding]:
    matured = first_row(
        engine,
        "SELECT COUNT(*) AS n, COUNT(*) FILTER (WHERE label_recovered_30d = 1) AS positive FROM v_feature_view "
        "WHERE is_landmark = 1 AND label_recovered_30d IS NOT NULL",
    )
    n, positive = matured["n"], matured["positive"]
    if n < limits.min_matured_rows or min(positive, n - positive) < limits.min_of_each_label:
        text = (
            f"{n:,} matured rows, {positive:,} recovered and {n - positive:,} not\n"
            f"expected: at least {limits.min_matured_rows:,} rows with {limits.min_of_each_label} of each\n"
            "load a longer history; an order matures when its age plus the horizon lies inside the observed data"
        )
        yield Finding("too_few_rows", "refuse", n, text)


def _survivorship(engine: Engine, now: datetime, limits: Limits) -> Iterator[Finding]:
    cohorts = engine.read(
        "SELECT DATE_TRUNC('month', as_of) AS month, COUNT(*) AS n, CAST(SUM(label_recovered_30d) AS BIGINT) AS k "
        "FROM v_feature_view WHERE is_landmark = 1 AND label_recovered_30d IS NOT NULL AND age_days = "
        "(SELECT MIN(age_days) FROM landmarks WHERE age_days >= 0) GROUP BY 1 ORDER BY 1"
    ).to_pylist()
    cohorts = [c for c in cohorts if c["n"] >= limits.cohort_min_orders]
    for newest in (2, 1):
        jump = _jump([c["k"] / c["n"] for c in cohorts], [c["n"] for c in cohorts], newest)
        if jump is not None and jump > limits.cohort_jump:
            months = ", ".join(f"{c['month']:%Y-%m} {c['k'] / c['n']:.0%}" for c in cohorts[-newest - 3 :])
            text = (
                f"the newest complete cohorts recover {100 * jump:.0f} points better than those before: {months}\n"
                "expected: a level like before; an export that holds only finished orders at its end jumps like this\n"
                "declare where the complete data end: --observed-until DATE, or observed_until in the map"
            )
            yield Finding("newest_cohorts_too_good", "refuse", sum(c["n"] for c in cohorts[-newest:]), text)
            return


def _jump(rates: list[float], sizes: list[int], newest: int) -> float | None:
    """Return how far the newest cohorts lie above the (up to) twelve before; None if within three standard errors."""
    old, new = rates[:-newest][-12:], rates[-newest:]
    if len(old) < 3:
        return None
    level = sum(old) / len(old)
    spread = sqrt(sum((r - level) ** 2 for r in old) / (len(old) - 1))
    sampling = sqrt(max(level * (1 - level), 1e-9) / min(sizes[-newest:]))
    jump = min(new) - level
    return jump if jump > 3 * max(spread, sampling) else None


def _strays(engine: Engine, now: datetime, limits: Limits) -> Iterator[Finding]:
    homeless = layers.count(
        engine, "stg_events AS e LEFT JOIN stg_orders AS o ON o.order_no = e.order_no", "o.order_no IS NULL"
    )
    if homeless:
        text = (
            f"{homeless:,} events belong to orders that were not loaded; they are not used\nload the transactions too"
        )
        yield Finding("events_without_order", "warn", homeless, text)
    credit_notes = layers.count(engine, "stg_orders", "amount_minor <= 0")
    if credit_notes:
        text = f"orders without a positive amount (credit notes), never at risk nor ranked: {credit_notes:,}"
        yield Finding("no_positive_amount", "note", credit_notes, text, "list")


def _too_old(engine: Engine, now: datetime, limits: Limits) -> Iterator[Finding]:
    longest = first_row(engine, "SELECT MAX(age_days) AS age FROM landmarks")["age"]
    if longest is None:
        return
    old = layers.count(
        engine,
        "stg_orders AS o JOIN stg_balances AS b ON b.order_no = o.order_no AND b.until_at IS NULL AND b.is_open = 1 "
        "CROSS JOIN stg_observed AS u",
        f"o.clock_at + {int(longest) + 1} * INTERVAL '1' DAY <= u.until",
    )
    if old:
        text = (
            f"{old:,} open orders are older than {longest} days, the longest age seen in training: listed, not scored"
        )
        yield Finding("older_than_seen", "note", old, text, "list")


_PARTS: tuple[Part, ...] = (
    *list_findings.PARTS, _promises, _early_payments, _future, _left_out, _currencies, _too_few, _survivorship, _strays,
    _too_old, version_changes.findings,
)  # fmt: skip
