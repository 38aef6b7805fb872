"""What became of a file: the counts that must add up, and plain sentences about what is worth knowing."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from payrec.common.errors import PayrecError
from payrec.data.load.targets import Kind


@dataclass(frozen=True)
class LoadReport:
    """The account of one file; ``rows_in = loaded + rejected + duplicates + left_out``, or it is not made.

    Raises
    ------
    PayrecError
        The counts do not add up: a fault of payrec, never of the file.
    """

    file: str
    kind: Kind
    rows_in: int
    loaded: int
    rejected: int
    duplicates: int  # rows equal to an earlier one
    left_out: int  # rows that the map's [only] does not ask for
    dialect: str
    used: tuple[str, ...]  # columns of the file that were read
    ignored: tuple[str, ...]  # columns of the file that were not
    derived: tuple[str, ...]  # our columns that the map makes
    notes: tuple[str, ...]
    rejects_path: Path | None = None

    def __post_init__(self) -> None:
        out = self.loaded + self.rejected + self.duplicates + self.left_out
        if out != self.rows_in:
            msg = (
                f"{self.file}: {self.rows_in} rows in, but {out} accounted for; please report this, nothing was loaded"
            )
            raise PayrecError(msg)

    def lines(self) -> tuple[str, ...]:
        """Return the account in words, one line each."""
        parts = [f"{self.loaded:,} loaded", f"{self.rejected:,} rejected", f"{self.duplicates:,} exact duplicates"]
        parts += [f"{self.left_out:,} left out by the map"] if self.left_out else []
        rejects = (f"rejects are in {self.rejects_path}",) if self.rejects_path else ()
        return (f"{self.file}: {self.rows_in:,} rows = {' + '.join(parts)}", *rejects, *self.notes)
