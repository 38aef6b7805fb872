"""The list by customer in the columns that other tools import: mail merge, Salesforce, HubSpot, Zendesk."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta
from decimal import Decimal
from typing import Any, Literal, get_args

import pyarrow as pa

Tool = Literal["mail-merge", "salesforce", "hubspot", "zendesk"]
TOOLS: tuple[Tool, ...] = get_args(Tool)


def rows_for(tool: Tool, customers: pa.Table, orders: pa.Table, contacts: pa.Table | None) -> pa.Table:
    """Return one row per customer and currency to contact, in the columns of a tool; all values are text or numbers.

    Parameters
    ----------
    customers, orders
        Rows of the list by customer, and the orders that may be contacted; suppressed ones are left out.
    contacts
        Names and ways to reach, as the detail ``contacts`` of a run; without them the fields are empty.
    """
    of_all = _to_contact(customers, orders, contacts)
    return pa.Table.from_pylist([_COLUMNS[tool](*each) for each in of_all])


def rows_for_people(customers: pa.Table, orders: pa.Table, contacts: pa.Table | None) -> pa.Table:
    """Return one row per customer and currency to contact, as a person works it: read back by ``payrec load actions``.

    ``contacts`` None: without names and ways to reach. The columns of ``TO_FILL`` are empty.
    """
    rows = []
    for customer, of_customer, contact in _to_contact(customers, orders, contacts):
        reach = {} if contacts is None else {name: contact.get(name) for name in ("name", "email", "phone")}
        rows.append({
            "customer": customer["customer_id"], **reach, "invoices": _invoices(of_customer),
            "amount": _total(of_customer), "currency": customer["ev_currency"], "why": _why(customer),
            "action": (customer["suggested_action"] or "").replace("_", " "), "owner": customer["owner"],
            **dict.fromkeys(TO_FILL), "run_id": customer["run_id"],
        })  # fmt: skip
    return pa.Table.from_pylist(rows)


TO_FILL = ("done", "when", "note", "until", "promised")


def _to_contact(
    customers: pa.Table, orders: pa.Table, contacts: pa.Table | None
) -> Iterator[tuple[dict[str, Any], list[dict[str, Any]], dict[str, Any]]]:
    """Yield each customer to contact with the orders that may be contacted, and its names and ways to reach."""
    known = {} if contacts is None else {row["customer_id"]: row for row in contacts.to_pylist()}
    open_orders: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for order in orders.to_pylist():
        if order["suppressed_reason"] is None:
            open_orders.setdefault((order["customer_id"], order["ev_currency"]), []).append(order)
    for customer in customers.to_pylist():
        of_customer = open_orders.get((customer["customer_id"], customer["ev_currency"]), [])
        if customer["rank"] is not None and customer["suppressed_reason"] is None and of_customer:
            yield customer, of_customer, known.get(customer["customer_id"], {})


def _due(order: dict[str, Any]) -> date:
    """Return the due date of an order, the day it was billed without one: its age counts from the end of that day."""
    day: date = (order["as_of"] - timedelta(days=1 + (order["age_days"] or 0))).date()
    return day


def _total(orders: list[dict[str, Any]]) -> Decimal:
    return sum((order["outstanding_value"] for order in orders), Decimal())


def _invoices(orders: list[dict[str, Any]]) -> str:
    oldest_first = sorted(orders, key=lambda order: (_due(order), order["order_id"]))
    return "; ".join(
        f"{one['order_id']} {one['outstanding']:.2f} {one['currency']} due {_due(one).day} {_due(one):%b %Y}"
        for one in oldest_first
    )


def _why(customer: dict[str, Any]) -> str:
    parent = [f"one contact with the other customers of {group}"] if (group := customer.get("contact_group")) else []
    return "; ".join([*parent, *(customer[name] for name in ("reason_1", "reason_2", "reason_3") if customer[name])])


def _title(customer: dict[str, Any], orders: list[dict[str, Any]], contact: dict[str, Any]) -> str:
    name = contact.get("name") or customer["customer_id"]
    return f"{name}: {_total(orders):.2f} {customer['ev_currency']} outstanding"


def _mail_merge(customer: dict[str, Any], orders: list[dict[str, Any]], contact: dict[str, Any]) -> dict[str, Any]:
    return {
        "email": contact.get("email"), "name": contact.get("name"), "language": contact.get("language"),
        "currency": customer["ev_currency"], "total_due": _total(orders), "invoices_count": len(orders),
        "oldest_due_date": min(map(_due, orders)).isoformat(), "invoice_list": _invoices(orders), "pay_link": "",
        "owner_name": customer["owner"] or contact.get("owner"), "run_id": customer["run_id"],
        "customer_id": customer["customer_id"],
    }  # fmt: skip


def _salesforce(customer: dict[str, Any], orders: list[dict[str, Any]], contact: dict[str, Any]) -> dict[str, Any]:
    top = max(orders, key=lambda order: (order["order_id"] == customer["top_order_id"], order["order_id"]))
    chance = top["p_recover_30d"]
    return {
        "AccountId": customer["customer_id"], "CurrentDueAmount": _total(orders),
        "CurrencyIsoCode": customer["ev_currency"], "DaysPastDueNumber": customer["oldest_age_days"],
        "DueDate": min(map(_due, orders)).isoformat(), "CollectionPlanSegment": contact.get("segment"),
        "RiskScore": None if chance is None else round(1 - chance, 4),
        "PromiseToPayCount": int(customer["promised_until"] is not None),
        "InvoiceId": ";".join(order["order_id"] for order in orders),
    }  # fmt: skip


def _hubspot(customer: dict[str, Any], orders: list[dict[str, Any]], contact: dict[str, Any]) -> dict[str, Any]:
    return {
        "Task Title": f"Contact {_title(customer, orders, contact)}", "Due Date": f"{customer['as_of']:%Y-%m-%d}",
        "Priority": "HIGH" if customer["priority_flag"] else "MEDIUM", "Contact Email": contact.get("email"),
        "Company": contact.get("name"), "Notes": f"{_invoices(orders)}\n{_why(customer)}",
    }  # fmt: skip


def _zendesk(customer: dict[str, Any], orders: list[dict[str, Any]], contact: dict[str, Any]) -> dict[str, Any]:
    tags = ("payrec", customer["suggested_action"], customer["channel"])
    return {
        "subject": _title(customer, orders, contact), "requester_email": contact.get("email"),
        "comment": f"{_invoices(orders)}\n{_why(customer)}",
        "tags": " ".join(tag.replace(" ", "_") for tag in tags if tag),
    }  # fmt: skip


_COLUMNS = {"mail-merge": _mail_merge, "salesforce": _salesforce, "hubspot": _hubspot, "zendesk": _zendesk}
