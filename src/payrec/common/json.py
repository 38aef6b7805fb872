"""JSON of plain values, in two forms: one for programs that compare bytes, one for people."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np

from payrec.common.text import CONTROLS


def json_values(value: Any) -> Any:
    """Return ``value`` as what JSON knows: NaN and infinity become null, dates ISO text, numpy and Decimal numbers.

    Raises
    ------
    TypeError
        JSON has no form for a value.

    >>> json_values({"as_of": date(2026, 6, 30), "lift": (np.float64(2.5), float("nan")), "folder": Path("out")})
    {'as_of': '2026-06-30', 'lift': [2.5, None], 'folder': 'out'}
    """
    if isinstance(value, np.generic | Decimal):
        value = float(value) if isinstance(value, Decimal) else value.item()
    if isinstance(value, Mapping):
        return {str(name): json_values(part) for name, part in value.items()}
    if isinstance(value, list | tuple):
        return [json_values(part) for part in value]
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if value is None or isinstance(value, str | int):
        return value
    if isinstance(value, date | Path):
        return value.isoformat() if isinstance(value, date) else str(value)
    msg = f"no JSON form for {type(value).__name__}"
    raise TypeError(msg)


def readable_json(document: Any) -> str:
    r"""Return a document for people: indented, letters with accents as they are, control characters as ``\u009b``.

    >>> print(readable_json({"name": "Zoë \u202e\x1b"}))
    {
      "name": "Zoë \u202e\u001b"
    }
    """
    text = json.dumps(json_values(document), indent=2, ensure_ascii=False, allow_nan=False)
    return re.sub(f"(?!\n)(?:{CONTROLS}|[\x85\u2028\u2029\ud800-\udfff])", lambda sign: f"\\u{ord(sign[0]):04x}", text)


def canonical_json(value: object) -> bytes:
    """Return the same bytes for the same value: keys sorted, no blanks, ASCII, numbers in their shortest exact form.

    Raises
    ------
    ValueError
        A number is not finite.
    TypeError
        A value is neither JSON's nor a time.
    """
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False, default=_time_text)
    return text.encode("ascii") + b"\n"


def _time_text(value: object) -> str:
    if isinstance(value, datetime):
        return value.isoformat()
    msg = f"no JSON form for {type(value).__name__}, expected plain values"
    raise TypeError(msg)
