"""Stripe's objects and webhook events, both shapes, mixed kinds."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

import payrec
from payrec.common.errors import DataRefused
from tests.data.sources.files import Loaded, load

MARCH = 1_772_359_200  # 2026-03-01 10:00 UTC
DAY = 86_400
Object = dict[str, Any]


@pytest.fixture
def engine() -> Iterator[payrec.Engine]:
    with payrec.connect("duckdb://") as engine:
        yield engine


def charge(number: int, **values: Any) -> Object:
    shared = {"object": "charge", "amount": 4900, "created": MARCH, "currency": "usd", "customer": "cus_1"}
    return {"id": f"ch_{number}", **shared, "status": "failed", "livemode": True, **values}


def invoice(name: str, status: str, **values: Any) -> Object:
    shared = {"object": "invoice", "amount_due": 4900, "created": MARCH, "currency": "usd", "customer": "cus_1"}
    return {"id": name, **shared, "status": status, "livemode": True, **values}


def webhook(seconds: int, inner: Object) -> Object:
    """Return an event that reported an object so many seconds after 10:00 on March 1."""
    return {"object": "event", "id": f"evt_{seconds}", "created": MARCH + seconds, "data": {"object": inner}}


def lines(path: Path, objects: Sequence[Object]) -> Path:
    path.write_text("".join(f"{json.dumps(each)}\n" for each in objects))
    return path


def loaded(engine: payrec.Engine, folder: Path, *objects: Object) -> Loaded:
    return load(engine, "stripe-api", lines(folder / "any.jsonl", objects))


def test_webhooks_say_when_a_state_became_known_and_the_latest_counts(engine: payrec.Engine, tmp_path: Path) -> None:
    pending = charge(1, status="pending", payment_intent="pi_1")
    succeeded = pending | {"status": "succeeded", "amount_captured": 4900}
    later = succeeded | {"amount_refunded": 900}
    data = loaded(
        engine, tmp_path, webhook(4 * DAY, succeeded), webhook(9 * DAY, later), webhook(1, pending),
        webhook(2, {"object": "product", "id": "prod_1"}),
    )  # fmt: skip
    assert data.facts("pi_1") == [("2026-03-01", "payment", "49.00"), ("2026-03-01", "refund", "9.00")]
    assert f"{data.events['ch_1']['recorded_ts']}" == "2026-03-05 10:00:00"
    charges, others = data.report.inputs
    assert (charges.rows_in, charges.used, others.rows_in) == (3, 3, 1)
    assert others.left_out == {"no payment facts: product": 1}


def test_a_charge_of_either_shape_belongs_to_its_invoice(engine: payrec.Engine, tmp_path: Path) -> None:
    link = {"object": "invoice_payment", "id": "inpay_1", "invoice": {"id": "in_new", "object": "invoice"}}
    data = loaded(
        engine, tmp_path, invoice("in_old", "open"), invoice("in_new", "open"), charge(1, invoice="in_old"),
        charge(2, payment_intent={"id": "pi_2", "object": "payment_intent"}), charge(3, payment_intent="pi_3"),
        link | {"payment": {"type": "payment_intent", "payment_intent": "pi_2"}},
    )  # fmt: skip
    assert {key: row["order_id"] for key, row in data.events.items()} == {
        "ch_1": "in_old",
        "ch_2": "in_new",
        "ch_3": "pi_3",
    }
    assert set(data.orders) == {"in_old", "in_new", "pi_3"}


def test_what_was_paid_outside_stripe_is_the_rest_of_what_was_paid(engine: payrec.Engine, tmp_path: Path) -> None:
    paid = {"amount_paid": 4900, "amount_remaining": 0, "status_transitions": {"paid_at": MARCH + DAY}}
    data = loaded(
        engine, tmp_path, invoice("in_1", "paid", **paid), charge(1, invoice="in_1", status="succeeded", amount=1900)
    )
    assert data.facts("in_1") == [("2026-03-01", "payment", "19.00"), ("2026-03-02", "payment", "30.00")]
    assert data.events["in_1:paid"]["channel"] == "out_of_band"


def test_exponents_are_those_of_stripe(engine: payrec.Engine, tmp_path: Path) -> None:
    currencies = {"jpy": "5000.00", "kwd": "5.00", "ugx": "50.00", "eur": "50.00"}
    charges = [charge(n, payment_intent=f"pi_{name}", currency=name, amount=5000) for n, name in enumerate(currencies)]
    data = loaded(engine, tmp_path, *charges)
    assert {name: str(data.orders[f"pi_{name}"]["amount"]) for name in currencies} == currencies


@pytest.mark.parametrize(
    ("outcome", "reason", "detail"),
    [
        ({}, "insufficient_funds", None),
        ({"advice_code": "try_again_later"}, "insufficient_funds", "advice=try_again_later"),
        ({"advice_code": "do_not_try_again"}, "do_not_try_again", "decline_code=insufficient_funds advice=do_not_try_again"),  # noqa: E501
        ({"network_advice_code": "02"}, "insufficient_funds", "network_advice_code=02"),
        ({"network_advice_code": "03"}, "do_not_try_again", "decline_code=insufficient_funds network_advice_code=03"),
    ],
)  # fmt: skip
def test_advice_that_forbids_another_try_outweighs_the_decline(
    engine: payrec.Engine, tmp_path: Path, outcome: Object, reason: str, detail: str | None
) -> None:
    data = loaded(engine, tmp_path, charge(1, outcome={"reason": "insufficient_funds", **outcome}))
    assert (data.events["ch_1"]["reason_code"], data.events["ch_1"]["detail"]) == (reason, detail)


def test_an_inquiry_takes_no_money_and_a_test_charge_is_left_out(engine: payrec.Engine, tmp_path: Path) -> None:
    dispute = {
        "object": "dispute",
        "id": "dp_1",
        "amount": 4900,
        "charge": "ch_1",
        "created": MARCH,
        "reason": "general",
    }
    data = loaded(
        engine, tmp_path, charge(1, status="succeeded"), dispute | {"status": "warning_needs_response"},
        charge(2, livemode=False),
    )  # fmt: skip
    assert [kind for _, kind, _ in data.facts("ch_1")] == ["payment", "dispute_opened"]
    assert data.report.inputs[0].left_out["test mode"] == 1


@pytest.mark.parametrize("form", ["array", "list", "indented"])
def test_a_document_is_read_like_lines(form: str, engine: payrec.Engine, tmp_path: Path) -> None:
    objects = [charge(1), charge(2)]
    document: Any = {"object": "list", "data": objects} if form == "list" else objects
    path = tmp_path / "charges.json"
    path.write_text(json.dumps(document, indent=2 if form == "indented" else None))
    assert set(load(engine, "stripe-api", path).events) == {"ch_1", "ch_2"}


def test_lines_that_are_no_objects_are_counted_and_many_are_refused(engine: payrec.Engine, tmp_path: Path) -> None:
    path = lines(tmp_path / "charges.jsonl", [charge(n) for n in range(40)])
    path.write_text(path.read_text() + '{"id": "ch_cut", "obj\n')
    assert load(engine, "stripe-api", path).report.inputs[0].unreadable == 1
    path.write_text(path.read_text() + "[]\n" * 5)
    with pytest.raises(DataRefused, match="6 of 46 lines cannot be read"):
        load(engine, "stripe-api", path)
    path.write_text('{"object": "product", "id": "prod_1"}\n')
    with pytest.raises(DataRefused, match="holds no charges and no invoices"):
        load(engine, "stripe-api", path)


def test_objects_are_recognised_whatever_their_order(tmp_path: Path) -> None:
    path = lines(tmp_path / "any.jsonl", [{"object": "customer", "id": "cus_1"}, webhook(1, charge(1))])
    (match,) = payrec.sources.recognise(path)
    assert (match.source, match.title) == ("stripe-api", "charges")


def test_a_customer_is_named_by_its_own_object_else_by_its_newest_payment(
    engine: payrec.Engine, tmp_path: Path
) -> None:
    guest = {"customer": None, "billing_details": {"email": "G@example.com", "name": "Guest", "phone": None}}
    (tmp_path / "known.csv").write_text("customer_id,email,do_not_contact,owner\ncus_1,old@example.com,1,kim\n")
    payrec.load.customers(engine, tmp_path / "known.csv")
    loaded(
        engine, tmp_path, charge(1), charge(2, **guest, payment_intent="pi_2"), {"object": "customer", "id": "cus_9"},
        {"object": "customer", "id": "cus_1", "name": "One", "email": "O@example.com", "preferred_locales": ["fr-FR"]},
    )  # fmt: skip
    rows = engine.read(
        "SELECT name, email, language, do_not_contact, owner FROM raw_customers ORDER BY name"
    ).to_pylist()
    assert [tuple(row.values()) for row in rows] == [
        ("Guest", "g@example.com", None, None, None),
        ("One", "o@example.com", "fr-FR", 1, "kim"),  # what no export holds stays
    ]
