"""What many nights in a row may not do: leak, slow down, or fill the disk. And their figures as a table."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from statistics import mean, median

from tests.soak.nights import Used

WARM = 3  # nights until all that is kept for good has been loaded
PARTS = 10  # rows of the table

COLUMNS: tuple[tuple[str, Callable[[Sequence[Used]], str]], ...] = (
    ("nights", lambda part: f"{part[0].night} to {part[-1].night}"),
    ("orders", lambda part: f"{part[-1].orders:,}"),
    ("CPU s a night", lambda part: f"{mean(one.cpu_s for one in part):.2f}"),
    ("memory MB", lambda part: f"{max(one.rss_mb for one in part):.0f}"),
    ("database MB", lambda part: f"{max(one.database_mb for one in part):.1f}"),
    ("lists MB", lambda part: f"{max(one.lists_mb for one in part):.1f}"),
    ("history MB", lambda part: f"{max(one.history_mb for one in part):.1f}"),
    ("lists kept", lambda part: f"{max(one.kept for one in part)}"),
    ("open files", lambda part: f"{max(one.files for one in part)}"),
    ("threads", lambda part: f"{max(one.threads for one in part)}"),
    ("connections left", lambda part: f"{max(one.connections for one in part)}"),
)


def table(nights: Sequence[Used]) -> str:
    """Return the figures in parts of equal length, as Markdown."""
    size = max(1, -(-len(nights) // PARTS))
    parts = [nights[at : at + size] for at in range(0, len(nights), size)]
    rows = [[name for name, _ in COLUMNS], ["--:"] * len(COLUMNS)]
    rows += [[show(part) for _, show in COLUMNS] for part in parts]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in rows)


def problems(nights: Sequence[Used], retention_days: int, *, with_time: bool) -> list[str]:
    """Say what does not stay as it should; nothing if all does. ``with_time``: the CPU seconds are looked at too."""
    warm = nights[WARM:]
    early, late = warm[: len(warm) // 3], warm[-(len(warm) // 3) :]
    grown = late[-1].orders / early[0].orders
    bounds = {
        "open files": (_most(late, "files"), _most(early, "files")),
        "threads": (_most(late, "threads"), _most(early, "threads")),
        "connections left open": (_most(warm, "connections"), 0),
        "lists kept": (_most(nights, "kept"), retention_days + 1),
        "memory in MB": (_middle(late, "rss_mb"), 1.15 * _middle(early, "rss_mb")),
        "database in MB": (_middle(late, "database_mb"), 1.2 * grown * _middle(early, "database_mb")),
    }
    bounds["verdicts of monitoring in MB"] = (nights[-1].history_mb, 0.01 * len(nights))
    full = [one for one in warm if one.night > retention_days]
    if full:
        bounds["lists in MB"] = (full[-1].lists_mb, 1.1 * grown * full[0].lists_mb)
    if with_time:
        bounds["CPU seconds a night"] = (_middle(late, "cpu_s"), 1.1 * grown * _middle(early, "cpu_s"))
    return [
        f"{name}: {value:.1f}, expected at most {most:.1f}" for name, (value, most) in bounds.items() if value > most
    ]


def _most(nights: Sequence[Used], name: str) -> int:
    return max(int(getattr(one, name)) for one in nights)


def _middle(nights: Sequence[Used], name: str) -> float:
    return float(median(getattr(one, name) for one in nights))
