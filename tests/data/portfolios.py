"""Small portfolios for the tests of the SQL: plain rows, how to write them, and what the features must be.

``Portfolio.row`` works each feature out from its definition, row by row and without SQL: slow, plain, and independent.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pyarrow as pa

from payrec.data import layers, promises
from payrec.data.engines import Engine
from tests import meaning

DAY = timedelta(days=1)
MOVE_MONEY = ("refund", "credit", "chargeback", "return")  # an empty amount means nothing to them
Row = dict[str, Any]

TRANSACTIONS = pa.schema(
    [
        *[(c, pa.string()) for c in ("order_id", "customer_id", "provider", "payment_method", "currency")],
        ("amount", pa.decimal128(18, 2)),
        *[(c, pa.string()) for c in ("country", "device", "transaction_type", "result_status", "reason_code")],
        ("retries", pa.int32()),
        ("chargeback_flag", pa.int16()),
        *[(c, pa.date32()) for c in ("invoice_date", "payment_date", "due_date")],
        ("outstanding", pa.decimal128(18, 2)),
        ("status", pa.string()),
        ("stated_at", pa.timestamp("us")),
    ]
)
EVENTS = pa.schema(
    [
        *[(c, pa.string()) for c in ("event_id", "order_id")],
        ("event_ts", pa.timestamp("us")),
        ("recorded_ts", pa.timestamp("us")),
        ("event_type", pa.string()),
        ("amount", pa.decimal128(18, 2)),
        *[(c, pa.string()) for c in ("reason_code", "channel", "detail", "currency")],
    ]
)


def order(order_id: str, customer_id: str, invoice_date: date, **more: Any) -> Row:
    """Return one raw transaction; amount 100.00 EUR and unpaid unless told otherwise."""
    given = {"amount": Decimal("100.00"), "currency": "EUR", **more}
    return {"order_id": order_id, "customer_id": customer_id, "invoice_date": invoice_date, **given}


def event(event_id: str, order_id: str, event_type: str, event_ts: datetime, **more: Any) -> Row:
    """Return one raw event."""
    return {"event_id": event_id, "order_id": order_id, "event_type": event_type, "event_ts": event_ts, **more}


def load(engine: Engine, orders: list[Row], events: list[Row] | None = None) -> None:
    """Replace the raw rows; payments come from the events if a list is given, however short."""
    engine.run("DELETE FROM raw_events; DELETE FROM raw_transactions; DELETE FROM payment_source")
    engine.write("raw_transactions", pa.Table.from_pylist(orders, TRANSACTIONS), key=())
    engine.write("raw_events", pa.Table.from_pylist(events or [], EVENTS), key=())
    source = "dates" if events is None else "events"
    engine.write("payment_source", pa.table({"source": [source]}), key=())


def view(engine: Engine, parameters: layers.Parameters) -> list[Row]:
    """Build, prove the checks, and return the feature view in the order of its key."""
    layers.build(engine, parameters)
    assert_promises(engine)
    return engine.read(f"SELECT * FROM {layers.VIEW} ORDER BY order_id, as_of").to_pylist()


def assert_promises(engine: Engine) -> None:
    """Hold the promises against the plain rule: broken are those events that move money without saying how much."""
    events = engine.read("SELECT event_type, amount FROM raw_events").to_pylist()
    silent = sum((e["amount"] or 0) < 0 or (e["amount"] is None and e["event_type"] in MOVE_MONEY) for e in events)
    broken = {check.name: check.offending_rows for check in promises.check(engine) if check.offending_rows}
    assert broken == ({"money_events_state_their_amount": silent} if silent else {})


def known_at(fact: Row) -> datetime:
    """When an event is known."""
    if fact.get("recorded_ts"):
        return fact["recorded_ts"]
    stamp: datetime = fact["event_ts"]
    return stamp + DAY if stamp == datetime.combine(stamp.date(), datetime.min.time()) else stamp


def day_end(day: date) -> datetime:
    """When a bare date is known."""
    return datetime.combine(day, datetime.min.time()) + DAY


class Portfolio:
    """The same questions as the SQL asks, each answered from the raw rows."""

    def __init__(self, orders: list[Row], events: list[Row] | None, horizon_days: int = 30) -> None:
        self.orders = {o["order_id"]: o for o in orders}
        self.events: dict[str, list[Row]] = {o: [] for o in self.orders}
        for e in sorted(events or [], key=lambda e: (known_at(e), e["event_ts"], e["event_id"])):
            self.events[e["order_id"]].append(e)
        self.rules = meaning.Rules(datetime.max - 100 * DAY, horizon_days, payments_from_events=events is not None)
        self.known_facts: dict[str, list[meaning.Fact]] = {}
        self.horizon = timedelta(days=horizon_days)

    def opened(self, oid: str) -> datetime:
        return day_end(self.orders[oid]["invoice_date"])

    def minor(self, oid: str) -> int:
        return int(self.orders[oid]["amount"] * 100)

    def facts(self, oid: str) -> list[meaning.Fact]:
        if oid not in self.known_facts:
            self.known_facts[oid] = list(meaning.facts_of(self.orders[oid], self.events[oid], self.rules))
        return self.known_facts[oid]

    def balance(self, oid: str, at: datetime) -> meaning.Balance:
        return meaning.balance(self.orders[oid], self.facts(oid), at, self.rules)

    def outstanding(self, oid: str, at: datetime) -> int:
        return self.balance(oid, at).outstanding_minor

    def is_open(self, oid: str, at: datetime) -> bool:
        return self.balance(oid, at).is_open

    def is_recovered(self, oid: str, at: datetime) -> bool:
        end = self.balance(oid, at)
        return end.closed_by == "payment" or (end.closed_by == "write_off" and end.is_settled_without_write_offs)

    def failed(self, oid: str) -> bool:
        return self.minor(oid) > 0 and self.is_open(oid, self.opened(oid))

    def recovered_at(self, oid: str) -> datetime | None:
        ends = [self.balance(oid, t) for t in sorted({fact.known_at for fact in self.facts(oid)})]
        return next((end.closed_at for end in ends if end.closed_by == "payment" and end.closed_at), None)

    def state(self, oid: str, at: datetime) -> list[Row]:
        return [e for e in self.events[oid] if known_at(e) <= at]

    def reason(self, oid: str, at: datetime) -> str | None:
        codes = [e["reason_code"] for e in self.state(oid, at) if e.get("reason_code")]
        return codes[-1] if codes else None

    def clock(self, oid: str) -> datetime:
        return meaning.clock_at(self.orders[oid], self.rules)

    def decided(self, oid: str) -> datetime:
        """End of the first window; never for an order that had ended otherwise by then."""
        end = self.clock(oid) + self.horizon
        ended = self.balance(oid, end).closed_by in ("void", "credit", "stated")
        return datetime.max if ended else end

    def context(self, at: datetime, same: Any) -> tuple[int, int]:
        day = datetime.combine(at.date(), datetime.min.time())
        chosen = [
            o for o in self.orders
            if self.failed(o) and day - 90 * DAY <= self.decided(o) <= day and same(o)
        ]  # fmt: skip
        return len(chosen), sum(self.is_recovered(o, self.decided(o)) for o in chosen)

    def customer(self, oid: str, at: datetime) -> Row:
        me = self.orders[oid]
        mine = [o for o, r in self.orders.items() if r["customer_id"] == me["customer_id"] and self.opened(o) <= at]
        others = [o for o in mine if o != oid]
        failed = [o for o in others if self.failed(o)]
        recovered = [o for o in failed if (t := self.recovered_at(o)) and t <= at]
        decided = [o for o in failed if self.decided(o) <= at]
        recent = [o for o in others if self.opened(o) >= at - 90 * DAY]
        still = [o for o in failed if self.is_open(o, at)]
        paid = [t for o in mine if self.failed(o) for t in self.paid_times(o) if t <= at]
        paid += [self.opened(o) for o in mine if self.minor(o) > 0 and not self.failed(o)]
        outs = [e for o, r in self.orders.items() if r["customer_id"] == me["customer_id"] for e in self.events[o]]
        return {
            "cust_tenure_days": (self.opened(oid) - min(map(self.opened, mine))).days,
            "cust_orders": len(others),
            "cust_failures": len(failed),
            "cust_open": len(still),
            "cust_recovered": len(recovered),
            "cust_decided": len(decided),
            "cust_recovered_in_time": sum(self.is_recovered(o, self.decided(o)) for o in decided),
            **self.recent(me["customer_id"], decided, at),
            "cust_days_to_pay_sum": sum((self.recovered_at(o) - self.opened(o)).days for o in recovered),
            **self.paces(oid, at),
            "cust_days_since_payment": (at - max(paid)).days if paid else None,
            "cust_open_minor": sum(
                self.outstanding(o, at) for o in still if self.orders[o]["currency"] == me["currency"]
            ),
            "cust_orders_90d": len(recent),
            "cust_failures_90d": sum(self.failed(o) for o in recent),
            "is_opted_out": int(any(e["event_type"] == "opt_out" and known_at(e) <= at for e in outs)),
        }

    def recent(self, customer: str, decided: list[str], at: datetime) -> Row:
        """What the decisions weigh, relative to the doublings of the weight until ``at``."""
        first = min(self.opened(o) for o, r in self.orders.items() if r["customer_id"] == customer)

        def weight(moment: datetime) -> int:
            doublings, rest = divmod(min((moment - first).days, 31 * 128 - 1), 128)
            return (128 + rest) * 2**doublings

        today = weight(at)
        doublings = today.bit_length() - 8
        weights = {o: weight(self.decided(o)) for o in decided}
        in_time = sum(w for o, w in weights.items() if self.is_recovered(o, self.decided(o)))
        return {
            "cust_decided_weight": sum(weights.values()) // 2**doublings,
            "cust_in_time_weight": in_time // 2**doublings,
            "cust_weight_today": today // 2**doublings,
        }

    def paces(self, oid: str, at: datetime) -> Row:
        """How fast the customer paid by ``at``; unknown for an order that was itself recovered once."""
        customer = self.orders[oid]["customer_id"]
        failed = [o for o, r in self.orders.items() if r["customer_id"] == customer and self.failed(o)]
        known = sorted((t, o) for o in failed if (t := self.recovered_at(o)) and t <= at)
        known = [] if oid in [o for _, o in known] else known
        days = [(t - self.opened(o)).days for t, o in known]
        return {
            "cust_days_to_pay_last": days[-1] if days else None,
            "cust_days_to_pay_last3_sum": sum(days[-3:]) if days else None,
            "cust_days_to_pay_min": min(days, default=None),
            "cust_days_to_pay_max": max(days, default=None),
        }

    def paid_times(self, oid: str) -> list[datetime]:
        """Times after the first day at which money came in, net of what was taken back at the same time."""
        times, before = [], 0
        for t in sorted({self.opened(oid), *(fact.known_at for fact in self.facts(oid))}):
            now = [fact for fact in self.facts(oid) if fact.known_at == t]
            money = sum(f.minor for f in now if f.kind == "payment")
            after = max(0, before + money - sum(f.minor for f in now if f.kind in meaning.TAKEN_BACK))
            if t > self.opened(oid) and after > before:
                times.append(t)
            before = after
        return times

    def row(self, oid: str, at: datetime, until: datetime) -> Row:
        """Return what the feature view must say of order ``oid`` at ``at``, for data observed ``until``."""
        me, seen = self.orders[oid], self.state(oid, at)
        log_begins = min((known_at(e) for es in self.events.values() for e in es), default=None)
        kinds = [e["event_type"] for e in seen]
        counted = None if log_begins is None or log_begins > at else 0
        contexts = {
            "provider": self.context(at, lambda o: self.orders[o].get("provider") == me.get("provider")),
            "reason": self.context(at, lambda o: self.reason(o, self.opened(o)) == self.reason(oid, at)),
            "country": self.context(at, lambda o: self.orders[o].get("country") == me.get("country")),
        }
        return {
            "order_id": oid,
            "as_of": at,
            "age_days": (at - self.clock(oid)) // DAY,
            "outstanding_minor": self.outstanding(oid, at),
            "paid_minor": self.minor(oid) - self.outstanding(oid, at),
            "reason_code": self.reason(oid, at),
            "days_since_last_event": (at - (known_at(seen[-1]) if seen else self.opened(oid))).days,
            "last_event_type": kinds[-1] if kinds else None,
            "attempts": kinds.count("attempt") if counted is not None else None,
            "contacts": kinds.count("contact") if counted is not None else None,
            "is_disputed": int([k for k in kinds if k.startswith("dispute_")][-1:] == ["dispute_opened"]),
            "has_chargeback": int("chargeback" in kinds),
            "days_to_due": -((at - day_end(me["due_date"])) // DAY) if me.get("due_date") else None,
            **self.customer(oid, at),
            **{f"{k}_decided_90d": n for k, (n, _) in contexts.items()},
            **{f"{k}_recovered_90d": n for k, (_, n) in contexts.items()},
            "label_recovered_30d": self.label(oid, at, until),
        }

    def label(self, oid: str, at: datetime, until: datetime) -> int | None:
        return meaning.label(self.orders[oid], self.facts(oid), at, replace(self.rules, observed_until=until))

    def snapshots(self, parameters: layers.Parameters, until: datetime) -> list[tuple[str, datetime]]:
        """Return the keys that the feature view must have."""
        keys = set()
        for oid in self.orders:
            landmarks = [self.clock(oid) + age * DAY for age in parameters.landmark_ages]
            asked = [t for t in landmarks if self.opened(oid) <= t <= until] + [
                t for t in parameters.as_of or () if t >= self.opened(oid)
            ]
            keys |= {(oid, t) for t in asked if self.minor(oid) > 0 and self.is_open(oid, t)}
        return sorted(keys)
