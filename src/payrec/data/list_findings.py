"""Findings about the list: who would be contacted wrongly, or not at all, and why the list may be too old."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

from payrec.common.errors import DataRefused
from payrec.common.text import sql_literals, sql_timestamp, terminal_text
from payrec.data import freshness, layers
from payrec.data.engines import Engine
from payrec.data.findings import Finding, Level, Limits, Part, first_row
from payrec.data.load.targets import ENDED, STATUS_WORDS

PAID_ON_LIST_SHARE = 0.1  # of the open orders; with more of them paid by the export, no list is made
BACK_TO_DATES = "payrec build --payments-from-dates"
NEVER_PAID_ORDERS = 20  # fewer may well be unpaid, all of them
_SUCCESS = "('success', 'succeeded', 'successful', 'approved', 'captured', 'paid')"
_SETTLED = (
    f"(LOWER(t.status) IN ({sql_literals(ENDED)}) OR t.outstanding <= 0 "
    f"OR (LOWER(t.result_status) IN {_SUCCESS} AND COALESCE(LOWER(t.status), '') NOT IN ('open', 'part_paid')))"
)
_OWED = (
    "(COALESCE(t.outstanding, 0) * 20 > t.amount OR COALESCE(t.chargeback_flag, 0) > 0 "
    "OR COALESCE(LOWER(t.status), '') IN ('open', 'part_paid', 'disputed', 'charged_back'))"
)
_HAS_PAYMENT = "t.order_id IN (SELECT order_id FROM raw_events WHERE event_type = 'payment')"


def paid_on_list(engine: Engine, as_of: datetime) -> tuple[int, int]:
    """Return how many of the open orders at ``as_of`` have a ``payment_date`` before it, and how many are open.

    Orders whose payment was taken back, or that the export itself calls owed, are left out.
    """
    at = sql_timestamp(as_of)
    row = engine.read(
        f"SELECT COUNT(*) FILTER (WHERE CAST(t.payment_date AS TIMESTAMP) + INTERVAL '1' DAY <= {at} "
        f"AND b.order_id IS NULL AND NOT {_OWED}) AS paid, COUNT(*) AS n FROM snapshots AS s "
        "JOIN stg_orders AS o ON o.order_no = s.order_no "
        "JOIN raw_transactions AS t ON t.order_id = o.order_id LEFT JOIN (SELECT DISTINCT order_id FROM raw_events "
        f"WHERE event_type IN ('return', 'chargeback')) AS b ON b.order_id = o.order_id WHERE s.as_of = {at}"
    ).to_pylist()[0]
    return int(row["paid"]), int(row["n"])


def require_unpaid_list(engine: Engine, as_of: datetime) -> None:
    """Raise DataRefused when many open orders at ``as_of`` were paid by then according to the export."""
    paid, listed = paid_on_list(engine, as_of)
    if paid > PAID_ON_LIST_SHARE * listed:
        raise DataRefused(_paid_text(paid, listed))


def newest_orders(engine: Engine, most: int) -> str:
    """Return the newest orders with the days of their invoices, in words."""
    newest = f"SELECT order_id, known_at FROM stg_orders ORDER BY known_at DESC, order_id LIMIT {min(most, 3)}"
    rows = engine.read(newest).to_pylist()
    return ", ".join(f"{terminal_text(row['order_id'])} of {freshness.day_name(row['known_at'])}" for row in rows)


def ahead(engine: Engine, now: datetime) -> Finding | None:
    """Return a finding about facts whose time has not come; it refuses if they move the end of the data.

    What an export says without a time counts from that end on, so orders that it calls paid would be listed until then.
    """
    present, until = now + timedelta(days=1), layers.observed_until(engine)
    orders = layers.count(engine, "stg_orders", f"known_at > {sql_timestamp(present)}")
    moves_end = until is not None and until > present
    if not orders and not moves_end:
        return None
    code, text, rows = "orders_dated_ahead", f"{orders:,} orders have an invoice_date after the present: ", orders
    text += newest_orders(engine, orders)
    if not orders:
        code, rows, text = "facts_dated_ahead", 1, f"the data end after the present: {_newest_facts(engine)}"
    if not moves_end:
        return Finding(code, "warn", rows, f"{text}\nthey are on no list until that day", "list")
    text += "\nthe data would count as complete until then, and what an export says of today would not count yet\n"
    text += f"correct the dates, or declare the end: payrec build --observed-until {now:%Y-%m-%d}"
    return Finding(code, "refuse", rows, text, "list")


def _newest_facts(engine: Engine) -> str:
    """Return how far events, what exports say of their day, and the declared end reach, in words."""
    ends = {
        "events": "SELECT MAX(known_at) AS at FROM stg_events",
        "stated_at": "SELECT MAX(stated_at) AS at FROM raw_transactions",
        "declared": "SELECT MAX(until) AS at FROM observed_until",
    }
    times = {name: engine.read(select)["at"][0].as_py() for name, select in ends.items()}
    return ", ".join(f"{name} until {at:%Y-%m-%d %H:%M}" for name, at in times.items() if at is not None)


def require_nothing_ahead(engine: Engine, now: datetime) -> None:
    """Raise DataRefused when a fact that is dated ahead moves the end of the data beyond ``now``."""
    finding = ahead(engine, now)
    if finding is not None and finding.level == "refuse":
        raise DataRefused(finding.message)


def _paid_text(paid: int, listed: int) -> str:
    return (
        f"of {listed:,} open orders {paid:,} have a payment date, and no payment in the event log\n"
        "payments come from events, so people who have paid would be contacted\n"
        f"load the missing payments as events, or take payment_date again: {BACK_TO_DATES}"
    )


def _paid(engine: Engine, now: datetime, limits: Limits) -> Iterator[Finding]:
    for as_of in layers.scoring_times(engine)[-1:]:
        paid, listed = paid_on_list(engine, as_of)
        if paid:
            level: Level = "refuse" if paid > PAID_ON_LIST_SHARE * listed else "warn"
            yield Finding("paid_on_list", level, paid, _paid_text(paid, listed), "list")


def _settled_without_date(engine: Engine, now: datetime, limits: Limits) -> Iterator[Finding]:
    row = first_row(
        engine,
        f"SELECT COUNT(*) FILTER (WHERE {_SETTLED}) AS settled, COUNT(*) AS n FROM raw_transactions AS t "
        f"WHERE t.payment_date IS NULL AND NOT {_HAS_PAYMENT}",
    )
    if row["settled"]:
        text = (
            f"{row['settled']:,} of {row['n']:,} orders without a payment date say paid, void or owe 0.00\n"
            "they are off the list, and most teach nothing, because nobody knows when they were settled\n"
            "load payment_date, or payments and voids as events"
        )
        yield Finding("settled_without_date", "warn", row["settled"], text, "list")


def _late_payments(engine: Engine, now: datetime, limits: Limits) -> Iterator[Finding]:
    feeds = freshness.feeds(engine)
    by_kind = {feed.kind: feed for feed in feeds}
    orders, payments = by_kind.get("orders"), by_kind.get("payments")
    behind = freshness.days_behind(feeds, orders.newest_at) if orders else None
    if behind is not None and payments is not None:
        until = freshness.end_of_day(payments.newest_at)
        text = (
            f"payments end on {freshness.day_name(payments.newest_at)}, {behind} days before orders "
            f"(limit: {payments.limit_days} days, three usual gaps)\n"
            "score and run make no list (exit 3), since nobody knows who has paid since; labels end there, too\n"
            f"load the newer payments, or make the list as of then: --payments-until {until:%Y-%m-%d}"
        )
        yield Finding("late_payments", "warn", behind, text, "list")
    newest = freshness.newest_at(feeds)
    if newest is not None:
        ends = ", ".join(f"{feed.kind} {freshness.day_name(feed.newest_at)}" for feed in feeds)
        text = f"newest facts: {ends}"
        if (age := (now - newest).days) > 1:
            text += f"\nthe newest is {age:,} days old: a list of today would not know what happened since"
        yield Finding("freshness", "note", sum(feed.facts for feed in feeds), text, "list")


def _never_paid(engine: Engine, now: datetime, limits: Limits) -> Iterator[Finding]:
    orders = layers.count(engine, "raw_transactions")
    if orders < NEVER_PAID_ORDERS or any(feed.kind == "payments" for feed in freshness.feeds(engine)):
        return
    if not layers.count(engine, "raw_transactions AS t", _SETTLED):
        text = (
            f"none of {orders:,} orders was ever paid, by payment_date, status, outstanding or events\n"
            "if some were, the list chases people who have paid\n"
            "map the column that says so, or load the payments as events"
        )
        yield Finding("never_paid", "warn", orders, text, "list")


def _missing_months(engine: Engine, now: datetime, limits: Limits) -> Iterator[Finding]:
    for gap in freshness.missing_months(engine):
        text = f"no {gap.kind} from {gap.from_at:%Y-%m-%d} up to {gap.until_at:%Y-%m-%d}, between months that have some"
        rows = 0
        if gap.kind == "payments":
            rows = layers.count(
                engine,
                "stg_orders AS o JOIN stg_balances AS b ON b.order_no = o.order_no AND b.until_at IS NULL",
                f"b.is_open = 1 AND o.known_at < {sql_timestamp(gap.until_at)}",
            )
            text += f"\n{rows:,} open orders are older than its end and may have been paid in it; they teach nothing"
        yield Finding("missing_months", "warn", rows, f"{text}\nload the {gap.kind} of that time", "list")


def _overpaid(engine: Engine, now: datetime, limits: Limits) -> Iterator[Finding]:
    rows = engine.read(
        "SELECT o.currency AS currency, COUNT(*) AS n, CAST(SUM(b.unapplied_minor) AS BIGINT) AS minor, "
        "MIN(o.order_id) AS example FROM stg_balances AS b JOIN stg_orders AS o ON o.order_no = b.order_no "
        "WHERE b.until_at IS NULL AND b.unapplied_minor > 0 GROUP BY o.currency ORDER BY o.currency"
    ).to_pylist()
    if rows:
        sums = ", ".join(f"{r['currency']} {r['minor'] / 100:,.2f}" for r in rows)
        n = sum(r["n"] for r in rows)
        text = (
            f"{_orders(n)} received more than is owed: {sums}, for example {rows[0]['example']}\n"
            "it holds the other open orders that it covers (unapplied_cash), which may have been paid with it\n"
            "book the money to the orders it was for, or load its refund"
        )
        yield Finding("overpaid", "warn", n, text, "list")


def _paid_twice(engine: Engine, now: datetime, limits: Limits) -> Iterator[Finding]:
    row = first_row(
        engine,
        "SELECT COUNT(*) AS n, MIN(order_id) AS example FROM (SELECT order_id FROM raw_events "
        "WHERE event_type = 'payment' AND amount IS NOT NULL GROUP BY order_id, event_ts, amount, channel "
        "HAVING COUNT(*) > 1) AS twice",
    )
    if row["n"]:
        text = (
            f"{row['n']:,} × the same order, moment, amount and channel under several payment ids, for example of "
            f"{row['example']}\n"
            "all of them count; if they are one payment, the order owes more than the list says\n"
            "load the log with the ids of the source, so that a repeated payment replaces itself"
        )
        yield Finding("payment_twice", "warn", row["n"], text, "list")


def _not_in_log(engine: Engine, now: datetime, limits: Limits) -> Iterator[Finding]:
    if not layers.count(engine, "payment_source", "source = 'events'"):
        return
    unseen = layers.count(
        engine,
        "raw_transactions",
        "payment_date IS NOT NULL AND order_id NOT IN "
        "(SELECT order_id FROM raw_events WHERE event_type IN ('payment', 'credit'))",
    )
    if unseen:
        text = (
            f"{unseen:,} orders have a payment_date but no payment in the event log\n"
            "they are off the list from the export's day on, and teach nothing\n"
            f"load their payments as events, or take payment_date again: {BACK_TO_DATES}"
        )
        yield Finding("payments_not_in_log", "warn", unseen, text, "list")


def _statuses(engine: Engine, now: datetime, limits: Limits) -> Iterator[Finding]:
    rows = engine.read(
        "SELECT t.status AS status, COUNT(*) AS n FROM raw_transactions AS t "
        f"WHERE LOWER(t.status) NOT IN ({sql_literals(STATUS_WORDS)}) "
        "GROUP BY t.status ORDER BY t.status"
    ).to_pylist()
    if rows:
        shown = ", ".join(f"{r['status']} ({r['n']:,})" for r in sorted(rows, key=lambda r: -r["n"])[:5])
        text = (
            f"{len(rows):,} values of status have no meaning here: {shown}\n"
            "they change nothing: an order that they call paid or void stays on the list\n"
            f"translate them in the map, [values.status], to one of {', '.join(STATUS_WORDS)}"
        )
        yield Finding("unknown_status", "warn", sum(r["n"] for r in rows), text, "list")
    contradicted = layers.count(
        engine, "raw_transactions AS t", "LOWER(t.status) IN ('paid', 'refunded') AND t.outstanding * 20 > t.amount"
    )
    if contradicted:
        text = (
            f"{_orders(contradicted)} say paid and still owe money (outstanding)\n"
            "the status holds: they are off the list\ncorrect the export, if the balance is right"
        )
        yield Finding("paid_but_outstanding", "warn", contradicted, text, "list")


def _not_in_newest_file(engine: Engine, now: datetime, limits: Limits) -> Iterator[Finding]:
    """Orders that are gone from a list of open items: its rows are all open, and some of them are older than it."""
    account = "COALESCE(t.provider, '') AS provider, COALESCE(t.source_account, '') AS source_account"
    is_of = "{0}.provider = COALESCE(t.provider, '') AND {0}.source_account = COALESCE(t.source_account, '')"
    row = first_row(
        engine,
        f"WITH newest AS (SELECT {account}, MAX(t.stated_at) AS at FROM raw_transactions AS t "
        "GROUP BY COALESCE(t.provider, ''), COALESCE(t.source_account, '')), "
        "items AS (SELECT n.provider AS provider, n.source_account AS source_account, n.at AS at, "
        "CAST(MIN(t.invoice_date) AS TIMESTAMP) AS first_at FROM raw_transactions AS t "
        f"JOIN newest AS n ON {is_of.format('n')} AND n.at = t.stated_at GROUP BY n.provider, n.source_account, n.at "
        f"HAVING COUNT(*) FILTER (WHERE t.payment_date IS NOT NULL OR {_SETTLED}) = 0) "
        "SELECT COUNT(*) AS n, MAX(i.at) AS at, MIN(t.order_id) AS example, MIN(i.source_account) AS source_account "
        f"FROM raw_transactions AS t JOIN items AS i ON {is_of.format('i')} AND t.stated_at < i.at "
        "AND i.first_at < t.stated_at "
        "JOIN stg_orders AS o ON o.order_id = t.order_id "
        "JOIN stg_balances AS b ON b.order_no = o.order_no AND b.until_at IS NULL AND b.is_open = 1",
    )
    if row["n"]:
        name = row["source_account"].split(":")[0]
        text = (
            f"{_orders(row['n'])} of earlier files {'is' if row['n'] == 1 else 'are'} open and not in the newest file, "
            f"of {row['at']:%Y-%m-%d %H:%M}, for example {row['example']}\n"
            "its rows are all open: if it holds all that is open, the others were settled, and are on the list\n"
            "load such files in the order of their days: "
            f"payrec load {f'source {name}' if name else 'transactions'} FILE --complete --stated-at DATE"
        )
        yield Finding("not_in_newest_file", "warn", row["n"], text, "list")


def _orders(n: int) -> str:
    return f"{n:,} order" if n == 1 else f"{n:,} orders"


PARTS: tuple[Part, ...] = (
    _late_payments, _missing_months, _never_paid, _paid, _settled_without_date, _not_in_log, _overpaid, _paid_twice,
    _statuses, _not_in_newest_file,
)  # fmt: skip
