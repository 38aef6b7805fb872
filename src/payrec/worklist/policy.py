"""What the team can and may do, as one frozen table: capacity, costs, minimum amounts, rules of suppression.

Read from ``policy.toml``; without a file the defaults below hold. ``docs/policy.md`` explains each line.
"""

from __future__ import annotations

import hashlib
import json
import tomllib
from collections.abc import Mapping
from dataclasses import fields, replace
from datetime import date, datetime, time
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any, Literal, Self
from zoneinfo import ZoneInfo

from pydantic import ConfigDict, Field, TypeAdapter, field_validator, model_validator
from pydantic.dataclasses import dataclass

from payrec.common.errors import UsageError
from payrec.worklist.policy_tables import validated

# the built-in rules that may be switched off; src/payrec/worklist/suppression.py says what each one does
RULES = (
    "opted_out",
    "chargeback",
    "disputed",
    "in_flight",
    "stop_code",
    "legal_window_closed",
    "promised",
    "snoozed",
    "not_due",
    "unapplied_cash",
    "contact_cap",
    "contact_hours",
    "hard_decline",
    "needs_customer",
    "unknown_code",
    "below_minimum",
)
_FROZEN = ConfigDict(extra="forbid")
# money may be a whole number of any size but never more exact than hundredths
Money = Annotated[Decimal, Field(ge=0, decimal_places=2, max_digits=18)]
Count = Annotated[int, Field(ge=0, strict=True)]
Days = Annotated[int, Field(ge=1, le=3650, strict=True)]
CustomerReason = Literal["opted_out", "chargeback", "disputed", "in_flight", "stop_code", "promised", "snoozed"]
GroupColumn = Literal[
    "customer_id", "provider", "payment_method", "country", "currency", "transaction_type", "amount_bucket"
]


@dataclass(frozen=True, config=_FROZEN)
class Rule:
    """Whether a rule is on, and its first and last day, both included; None: no end on that side."""

    on: bool = True
    valid_from: date | None = None
    valid_until: date | None = None

    def holds(self, on: date) -> bool:
        """Say whether the rule holds on day ``on``."""
        begun = self.valid_from is None or self.valid_from <= on
        return self.on and begun and (self.valid_until is None or on <= self.valid_until)


@dataclass(frozen=True, config=_FROZEN)
class Capacity:
    """Most customers, or orders, to act on in one run: in all (None: as many as pay), per channel, per owner.

    ``retry``: customers for whom a machine retries payments or asks for a new card, in a list of their own; None: there
    is no such list, and people contact them.
    """

    total: Count | None = 500
    retry: Count | None = None
    channel: Mapping[str, Count] = Field(default_factory=dict)
    owner: Mapping[str, Count] = Field(default_factory=dict)


@dataclass(frozen=True, config=_FROZEN)
class Channel:
    """A way to reach the customer, what one contact costs, and from which outstanding amount on it is used."""

    name: str
    cost: Mapping[str, Money] = Field(default_factory=dict)
    from_outstanding: Mapping[str, Money] = Field(default_factory=dict)


@dataclass(frozen=True, config=_FROZEN)
class Owner:
    """Who works an order: the owner ``of`` the value in ``column``."""

    column: GroupColumn
    of: Mapping[str, str]


@dataclass(frozen=True, config=_FROZEN)
class Cap(Rule):
    """At most ``count`` contacts (or attempts) in ``window_days`` per customer (or order), in a period of validity."""

    count: Count = Field(kw_only=True)
    window_days: Days = Field(kw_only=True)
    of: Literal["contact", "attempt"] = "contact"
    per: Literal["customer", "order"] = "customer"


@dataclass(frozen=True, config=_FROZEN)
class Hold(Rule):
    """No contact for a while with orders whose ``column`` has one of ``values``: a moratorium, a list of customers."""

    name: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$")] = Field(kw_only=True)
    column: GroupColumn = Field(kw_only=True)
    values: tuple[str, ...] = Field(kw_only=True)


@dataclass(frozen=True, config=_FROZEN)
class ContactHours:
    """When customers may be contacted, in their own time: hours of the day and days of the week (Monday is 1).

    ``zones`` names the time zones of a country: where a country has several, the hours must be open in all of them.
    ``list_hours``: how long after ``as_of`` the list is worked; an order without an open hour in that time waits.
    """

    opens: time = time(8)
    closes: time = time(21)
    weekdays: tuple[Annotated[int, Field(ge=1, le=7)], ...] = (1, 2, 3, 4, 5, 6, 7)
    zone: str = "UTC"
    zones: Mapping[str, tuple[str, ...]] = Field(default_factory=dict)
    list_hours: Annotated[int, Field(ge=0, le=24 * 14)] = 24

    @field_validator("zones", mode="before")
    @classmethod
    def _one_or_several(cls, zones: Any) -> Any:  # as in the file, before validation
        if not isinstance(zones, dict):
            return zones
        return {country: (names,) if isinstance(names, str) else names for country, names in zones.items()}

    @model_validator(mode="after")
    def _open_at_some_time(self) -> Self:
        for name in (self.zone, *(name for names in self.zones.values() for name in names)):
            ZoneInfo(name)  # raises ZoneInfoNotFoundError, which is a KeyError: see read
        if self.opens >= self.closes or not self.weekdays:
            raise ValueError("there must be a day of the week, and an hour between opens and closes")
        return self


@dataclass(frozen=True, config=_FROZEN)
class CustomerRules:
    """Reasons of suppressed orders: ``quiet`` ones silence the whole customer, ``warn`` ones the caller should know.

    ``by_parent``: customers of one ``parent_id`` are one contact.
    """

    quiet: tuple[CustomerReason, ...] = ("promised", "stop_code", "opted_out")
    warn: tuple[CustomerReason, ...] = ("disputed", "chargeback")
    by_parent: bool = True


@dataclass(frozen=True, config=_FROZEN)
class Valuation:
    """Rank by expected money, or by what a contact adds to it; ``auto``: by that once the effect passed its test."""

    rank_by: Literal["expected", "extra", "auto"] = "auto"


@dataclass(frozen=True, config=_FROZEN)
class CodeFile:
    """Own reason codes: a CSV file, and which scheme a provider speaks."""

    file: Path | None = None
    scheme_of: Mapping[str, str] = Field(default_factory=dict)


@dataclass(frozen=True, config=_FROZEN)
class Policy:
    """All of it; see the module."""

    reporting_currency: Annotated[str, Field(min_length=1)] | None = None
    horizon_days: Days | None = None
    action: Literal["contact", "retry"] = "contact"
    unit: Literal["customer", "order"] | None = None  # None: customer for contact, order for retry
    promise_grace_days: Count = 3
    pending_business_days: Count = 5
    value: Valuation = Field(default_factory=Valuation)
    capacity: Capacity = Field(default_factory=Capacity)
    customer: CustomerRules = Field(default_factory=CustomerRules)
    minimum_outstanding: Mapping[str, Money] = Field(default_factory=dict)
    contact_until_age_days: Mapping[str, Days] = Field(default_factory=dict)
    rules: Mapping[str, Rule] = Field(default_factory=dict)
    channel: tuple[Channel, ...] = ()
    owner: Owner | None = None
    cap: tuple[Cap, ...] = ()
    hold: tuple[Hold, ...] = ()
    contact_hours: ContactHours | None = None
    reason_codes: CodeFile = Field(default_factory=CodeFile)
    monitor: Mapping[str, float] = Field(default_factory=dict)  # validated by payrec.monitor.limits

    def __repr__(self) -> str:
        """Return what differs from the default policy."""
        given = {field.name: getattr(self, field.name) for field in fields(self)}
        changed = [f"{name}={value!r}" for name, value in given.items() if value != getattr(_DEFAULT, name)]
        return f"Policy({', '.join(changed)})"

    @field_validator("rules", mode="before")
    @classmethod
    def _on_or_off(cls, rules: Any) -> Any:  # as in the file, before validation
        if not isinstance(rules, dict):
            return rules
        for name in rules:
            if name not in RULES:
                raise ValueError(f"there is no rule {name}; valid: {', '.join(RULES)}")
        return {name: {"on": rule} if isinstance(rule, bool) else rule for name, rule in rules.items()}

    @model_validator(mode="after")
    def _names_exist(self) -> Self:
        for kind, limited, named in (
            ("channel", self.capacity.channel, {channel.name for channel in self.channel}),
            ("owner", self.capacity.owner, set(self.owner.of.values()) if self.owner else set()),
        ):
            if strange := sorted(set(limited) - named):
                raise ValueError(f"capacity.{kind} limits {strange[0]}; the policy has: {', '.join(sorted(named))}")
        return self

    @model_validator(mode="after")
    def _retries_of_contacts(self) -> Self:
        if self.capacity.retry is not None and (self.action, self.listed_by) != ("contact", "customer"):
            raise ValueError("capacity.retry is a part of the list of customers to contact; take it out, or set total")
        return self

    @property
    def listed_by(self) -> Literal["customer", "order"]:
        """What one row of the list to work is: the unit, or the default of the action."""
        return self.unit or ("customer" if self.action == "contact" else "order")

    def applies(self, rule: str, as_of: datetime) -> bool:
        """Say whether a built-in rule holds at ``as_of``: all do, unless switched off or out of their period."""
        return self.rules.get(rule, Rule()).holds(as_of.date())


_DEFAULT = Policy()


def read(path: Path | None = None) -> Policy:
    """Read a policy file; None gives the defaults.

    Raises
    ------
    UsageError
        The file cannot be read, has an unknown key (the valid ones are listed) or an invalid value.
    """
    if path is None:
        return Policy()
    try:
        policy = validated(Policy, tomllib.loads(path.read_text(encoding="utf-8"), parse_float=Decimal), str(path))
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"cannot read the policy {path}: {error}") from error
    except tomllib.TOMLDecodeError as error:
        raise UsageError(f"{path} is not valid TOML: {error}") from error
    if policy.reason_codes.file is None:
        return policy
    codes = replace(policy.reason_codes, file=path.parent / policy.reason_codes.file)
    return replace(policy, reason_codes=codes)


def fingerprint(policy: Policy) -> str:
    """Return the sha256 of all that decides the list: the policy without [monitor], and the reason code file."""
    plain = TypeAdapter(Policy).dump_python(policy, mode="json", exclude={"monitor": True, "reason_codes": {"file"}})
    if policy.value == Valuation():  # so that lists of policies from before it can be replayed
        del plain["value"]
    if policy.capacity.retry is None:
        del plain["capacity"]["retry"]
    if policy.customer.by_parent:
        del plain["customer"]["by_parent"]
    content = policy.reason_codes.file.read_bytes() if policy.reason_codes.file else b""
    return hashlib.sha256(json.dumps(plain, sort_keys=True).encode() + b"\0" + content).hexdigest()
