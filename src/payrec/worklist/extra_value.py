"""What a contact adds to the money that an order brings: ``outstanding × (p_if_contacted − p_if_not)``, to the cent."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from payrec.common.arrow import MONEY, Flags, Whole, make, money
from payrec.model.recipes import contact_effect
from payrec.model.recipes.contact_effect import ContactEffect
from payrec.worklist import value
from payrec.worklist.value import P_UNITS, Value

EXTRA, KIND = "extra_recovered", "contact_kind"
COLUMNS: list[tuple[str, pa.DataType]] = [
    ("p_if_contacted", pa.float64()), ("p_if_not", pa.float64()), (EXTRA, MONEY), (KIND, pa.string()),
]  # fmt: skip


@dataclass(frozen=True)
class ExtraValue:
    """What a contact adds to each of n orders, in hundredths; chances in units of 1e-9, kinds in words.

    ``known``: where the chances are known. ``ranks_by``: orders of customers that are ranked by it.
    """

    p_if_contacted: Whole
    p_if_not: Whole
    known: Flags
    minor: Whole
    kind: Any
    ranks_by: Flags


def measured(rows: pa.Table, worth: Value, p_units: Whole, p_known: Flags, effect: ContactEffect) -> ExtraValue:
    """Return what a contact adds to each row of the feature view with ``reason_category``; nobody is ranked by it yet.

    ``p_units``: the champion's chances in units of 1e-9, (n,).
    """
    p = np.where(p_known, p_units / P_UNITS, np.nan)
    alone, contacted = contact_effect.chances(effect, contact_effect.values_of(rows, p, worth.outstanding / 100))
    p_if_not, p_if_contacted = (
        np.rint(np.where(p_known, chance, 0) * P_UNITS).astype(np.int64) for chance in (alone, contacted)
    )
    added = p_if_contacted - p_if_not
    minor = np.sign(added) * value.expected_minor(worth.outstanding, np.abs(added))
    kind = contact_effect.kinds(effect, alone, contacted)
    return ExtraValue(p_if_contacted, p_if_not, p_known, minor, kind, np.zeros(p.size, dtype=np.bool_))


def columns(extra: ExtraValue, valued: Flags) -> dict[str, Any]:
    """Return the columns of ``COLUMNS``; ``valued``: where money is known."""
    return {
        "p_if_contacted": make.array(extra.p_if_contacted / P_UNITS, mask=~extra.known),
        "p_if_not": make.array(extra.p_if_not / P_UNITS, mask=~extra.known),
        EXTRA: money(extra.minor, valued),
        KIND: make.array(extra.kind, pa.string()),
    }
