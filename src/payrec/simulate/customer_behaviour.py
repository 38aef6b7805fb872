"""How customers behave: what a contact does to whom, shocks that a week shares, who is never contacted."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

from payrec.common.errors import UsageError

ContactEffect = Literal["hidden", "seen", "none"]
CONTACT_EFFECTS: tuple[str, ...] = get_args(ContactEffect)


@dataclass(frozen=True)
class Behaviour:
    """Options of the simulated customers; a portfolio with the default is the same as one without options.

    Attributes
    ----------
    contact_effect
        ``hidden``: most of what makes effects differ is in no column. ``seen``: reason, device, tenure, type and
        earlier contacts decide the effect. ``none``: a contact changes nothing.
    weekly_shock_sd
        Standard deviation of a shock to the log hazard of all orders, by calendar week, AR(1).
    held_out
        Share of the customers that are assigned at random to no contact at all.
    contact_share
        Share of the failed orders of the others that are contacted, at random.
    failed_share
        Share of the orders whose first charge fails, about; 40 % of those are recovered within 30 days.
    """

    contact_effect: ContactEffect = "hidden"
    weekly_shock_sd: float = 0.0
    held_out: float = 0.15
    contact_share: float = 0.6
    failed_share: float = 0.45

    def __post_init__(self) -> None:
        if self.contact_effect not in CONTACT_EFFECTS:
            msg = f"found contact_effect {self.contact_effect!r}, expected one of {', '.join(CONTACT_EFFECTS)}"
            raise UsageError(msg)
        for name, most in (("weekly_shock_sd", 2.0), ("held_out", 1.0), ("contact_share", 1.0), ("failed_share", 1.0)):
            if not 0 <= getattr(self, name) <= most:
                raise UsageError(f"{name} is {getattr(self, name)}: expected 0 to {most:g}")


USUAL = Behaviour()
