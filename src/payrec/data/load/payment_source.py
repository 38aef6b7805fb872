"""Where payments are known from: the column ``payment_date``, or events once these explain the orders that are paid."""

from __future__ import annotations

from payrec.data.engines import Engine

EXPLAINED_SHARE = (
    0.9  # of the orders with a payment_date; so many must have a payment event before events are the source
)
SWITCHED = "payments are known from events from now on; payment_date does not count"


def choose(engine: Engine, from_events: bool | None = None) -> str | None:
    """Make events the source of payments if they explain the paid orders; return a note, None if nothing changes.

    ``from_events`` decides instead, in both directions. While ``payment_date`` is the source, payment events count for
    orders without one.
    """
    is_events = engine.read("SELECT source FROM payment_source")["source"].to_pylist() == ["events"]
    if from_events is not None:
        _set(engine, from_events=from_events)
        return SWITCHED if from_events else "payments are known from payment_date from now on"
    if is_events:
        return None
    row = engine.read(
        "SELECT COUNT(*) AS orders, COUNT(p.order_id) AS with_event, COUNT(t.payment_date) AS paid, "
        "COUNT(CASE WHEN p.order_id IS NOT NULL THEN t.payment_date END) AS explained FROM raw_transactions AS t "
        "LEFT JOIN (SELECT DISTINCT order_id FROM raw_events WHERE event_type = 'payment') AS p "
        "ON p.order_id = t.order_id"
    ).to_pylist()[0]
    if not row["with_event"]:
        return None
    if row["explained"] >= EXPLAINED_SHARE * row["paid"]:
        _set(engine, from_events=True)
        return SWITCHED
    return (
        f"payments stay known from payment_date: only {row['explained']:,} of {row['paid']:,} orders that have one "
        f"also have a payment event, {EXPLAINED_SHARE:.0%} are expected; --payments-from-events takes them from events"
    )


def _set(engine: Engine, *, from_events: bool) -> None:
    engine.run("DELETE FROM payment_source")
    if from_events:
        engine.run("INSERT INTO payment_source (source) VALUES ('events')")
