"""State of the features, fixed at training: known categories, typical amounts, priors of sparse rates.

Nothing here is learnt from a label. The bundle stores it, so training and scoring use the same.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from payrec.common.short_repr import short_repr

UNKNOWN = 0  # code of NULL
OTHER = 1  # code of a value that training saw rarely or never
FIRST_LEVEL = 2  # code of the first known value
RESERVED = ("unknown", "other")


@short_repr
@dataclass(frozen=True)
class Shrinkage:
    """Prior of a rate: it is shrunk towards ``mean`` as if by ``weight`` further cases."""

    mean: float
    weight: float


@short_repr
@dataclass(frozen=True)
class Vocabulary:
    """State of the features, fixed at training.

    Attributes
    ----------
    levels
        Known values of each text category, by feature name; code of a value = position + ``FIRST_LEVEL``.
    typical_minor
        Median outstanding amount of each known currency, in hundredths.
    typical_minor_overall
        The same over all rows, for currencies that are not known.
    shrinkage
        Prior of each shrunk rate, by feature name.
    segment_means
        Mean of ``cust_in_time_rate`` for each (code of provider, code of reason), row-major.
    """

    levels: dict[str, tuple[str, ...]] = field(default_factory=dict)
    typical_minor: dict[str, float] = field(default_factory=dict)
    typical_minor_overall: float = 10_000.0
    shrinkage: dict[str, Shrinkage] = field(default_factory=dict)
    segment_means: tuple[float, ...] = ()

    def size(self, name: str) -> int:
        """Count of codes of the text category ``name``, unknown and other included."""
        return FIRST_LEVEL + len(self.levels.get(name, ()))
