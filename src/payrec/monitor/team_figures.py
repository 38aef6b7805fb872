"""Figures of a collections team from counts and sums of weeks; formulas and sources in ``docs/team.md``.

Rows are grouped by any of ``owner``, ``team`` and ``week`` (the Monday on which it begins); money always by currency.
A ratio whose denominator is 0 is None.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any, Literal

from payrec.publish.team_sql import AGED, closings, week_of

Per = Literal["owner", "team", "week"]
PER: tuple[Per, ...] = ("owner", "team", "week")
REACHED = ("spoke", "refused")
DAY, WEEK = timedelta(days=1), timedelta(days=7)
PERIOD_WEEKS = 13
Row = dict[str, Any]
Key = tuple[Any, ...]


def work(rows: Iterable[Row], lists: Iterable[Row], per: Sequence[Per]) -> list[Row]:
    """Return contacts, promises and the share of the list that was worked, by group.

    Parameters
    ----------
    rows
        Contacts and promises as the detail ``team_work``.
    lists
        One row per customer that a list flagged: ``known_at`` (time of the list), ``worker``, ``team``, ``is_worked``.
    """
    groups: dict[Key, Row] = {}
    customers: dict[Key, set[str]] = {}
    for row in rows:
        group = _group(groups, row, per, _WORK)
        if row["kind"] == "promised":
            group["promises"] += 1
            group[row["outcome"]] += 1
            continue
        group["contacts"] += 1
        group["with_outcome"] += row["outcome"] is not None
        group["reached"] += row["outcome"] in REACHED
        customers.setdefault(_key(row, per), set()).add(row["customer_id"])
    for row in lists:
        group = _group(groups, row, per, _WORK)
        group["listed"] += 1
        group["worked"] += row["is_worked"]
    for key, group in groups.items():
        group["customers"] = len(customers.get(key, ()))
        group["reached_share"] = _ratio(group["reached"], group["with_outcome"])
        group["kept_rate"] = _ratio(group["kept"], group["kept"] + group["broken"])
        group["worked_share"] = _ratio(group["worked"], group["listed"])
    return _in_order(groups)


_WORK = (
    "contacts", "customers", "with_outcome", "reached", "reached_share", "promises", "kept", "broken", "live",
    "kept_rate", "listed", "worked", "worked_share",
)  # fmt: skip


def money(rows: Iterable[Row], per: Sequence[Per], as_of: datetime) -> list[Row]:
    """Return what came within 7 and 30 days of first contacts, and what the list had expected, in hundredths.

    ``rows`` as the detail ``team_money``. Only contacts whose days have passed, and whose list is known, count.
    """
    groups: dict[Key, Row] = {}
    for row in rows:
        group = _group(groups, row, (*per, "currency"), _MONEY)
        for days in (7, 30):
            if row["known_at"] + days * DAY <= as_of and row[f"expected_{days}d_minor"] is not None:
                group[f"contacts_{days}d"] += 1
                group[f"paid_{days}d_minor"] += row[f"paid_{days}d_minor"]
                group[f"expected_{days}d_minor"] += row[f"expected_{days}d_minor"]
    return _in_order(groups)


_MONEY = (
    "contacts_7d", "paid_7d_minor", "expected_7d_minor", "contacts_30d", "paid_30d_minor", "expected_30d_minor",
)  # fmt: skip


def receivables(rows: Iterable[Row], per: Sequence[Per], as_of: datetime) -> list[Row]:
    """Return aging, DSO, best DSO, average days delinquent, collection effectiveness and days beyond terms.

    ``rows`` as the detail ``team_receivables``. By week each row is that of a week's end; without, it is ``as_of``
    against 13 weeks before. Amounts in hundredths, the others in days, ``collection_effectiveness`` as a share.
    """
    by_group: dict[Key, list[Row]] = {}
    rows = list(rows)
    first_sales = min((week_of(row["until_at"]) for row in rows if row["billed_minor"]), default=as_of)
    names = (*(name for name in per if name != "week"), "currency")
    for row in rows:
        by_group.setdefault(tuple(row[name] for name in names), []).append(row)
    ends = closings(as_of)
    periods = list(pairwise(ends)) if "week" in per else [(ends[0], ends[-1])]
    groups: dict[Key, Row] = {}
    for key, of_group in by_group.items():
        for end, begin in periods:
            row = dict(zip(names, key, strict=True)) | ({"week": week_of(end)} if "week" in per else {})
            ordered = {name: row[name] for name in (*per, "currency")}
            groups[tuple(ordered.values())] = ordered | _figures(of_group, begin, end, first_sales)
    return _in_order(groups)


def _figures(rows: list[Row], begin: datetime, end: datetime, first_sales: datetime) -> Row:
    """Return the figures of one group and period; sales of DSO are those of the 13 weeks before its end.

    They begin with ``first_sales``, before which the data have none.
    """
    closing = {name: sum(row[name] for row in rows if row["until_at"] == end) for name in AGED}
    total, current = sum(closing.values()), closing["current_minor"]
    opening = sum(row[name] for row in rows if row["until_at"] == begin for name in AGED)
    billed = sum(row["billed_minor"] for row in rows if begin < row["until_at"] <= end)
    first = max(week_of(end) - (PERIOD_WEEKS - 1) * WEEK, first_sales)
    sales = sum(row["billed_minor"] for row in rows if first < row["until_at"] <= end)
    days = (end - first) / DAY
    dso, best = _ratio(total * days, sales), _ratio(current * days, sales)
    paid = [row for row in rows if begin < row["until_at"] <= end and row["paid_minor"]]
    return closing | {
        "outstanding_minor": total,
        "billed_minor": billed,
        "paid_minor": sum(row["paid_minor"] for row in paid),
        "dso_days": dso,
        "best_dso_days": best,
        "average_days_delinquent": None if dso is None or best is None else dso - best,
        "collection_effectiveness": _ratio(opening + billed - total, opening + billed - current),
        "days_beyond_terms": _ratio(
            sum(row["days_late"] * row["paid_minor"] for row in paid), sum(row["paid_minor"] for row in paid)
        ),
    }


def oldest_unworked_days(flagged: Sequence[tuple[datetime, Mapping[str, bool]]]) -> int | None:
    """Return for how many days the longest waiting customer of the newest list has been flagged without being worked.

    ``flagged``: time of each list, the newest first, with its flagged customers and whether they were worked.
    """
    if not flagged:
        return None
    newest, waiting = flagged[0][0], {name for name, is_worked in flagged[0][1].items() if not is_worked}
    since = newest if waiting else None
    for at, customers in flagged[1:]:
        waiting &= {name for name, is_worked in customers.items() if not is_worked}
        if not waiting:
            break
        since = at
    return None if since is None else (newest - since).days


def _ratio(part: float, whole: float) -> float | None:
    return part / whole if whole else None


def _key(row: Row, per: Sequence[str]) -> Key:
    names = {"owner": "worker", "week": "known_at"}
    values = (row[names.get(name, name)] for name in per)
    return tuple(week_of(value) if name == "week" else value for name, value in zip(per, values, strict=True))


def _group(groups: dict[Key, Row], row: Row, per: Sequence[str], counts: Sequence[str]) -> Row:
    key = _key(row, per)
    return groups.setdefault(key, dict(zip(per, key, strict=True)) | dict.fromkeys(counts, 0))


def _in_order(groups: Mapping[Key, Row]) -> list[Row]:
    """Return the groups by their key, those without an owner or a team last."""
    return [groups[key] for key in sorted(groups, key=lambda key: [(part is None, part or 0) for part in key])]
