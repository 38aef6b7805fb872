"""What must hold after each fault: the old state or the new one, whole; one clear sentence; the next run ends right."""

from __future__ import annotations

from typing import Any

LASTS = ("served", "lists", "raw", "models", "champion")
"""What may only be as it was before, or as it is after, each by itself."""
SAME = ("served", "lists", "monitored", "ended", "raw", "models", "champion", "aside")
"""What must in the end be as if nothing had happened."""
CODES = {
    "error": (1,),  # "a fault of payrec", said so
    "full": (2, 6),
    "cut": (6,),
    "unanswered": (6,),
}


def problems(first: dict[str, Any], trial: dict[str, Any]) -> list[str]:
    """Return what is wrong with a trial; ``first`` is the undisturbed run."""
    if trial["wrong"]:
        return ["what is left cannot be read, or is there in part; see the traceback above"]
    return [*_ending(first, trial), *_left(first, trial), *_then(first, trial)]


def _ending(first: dict[str, Any], trial: dict[str, Any]) -> list[str]:
    if trial["fault"] == "kill":
        return [] if trial["signal"] == 9 else [f"it was not killed: {trial}"]
    found = [] if trial["reached"] else ["it never came to this step"]
    if trial["code"] not in (first["code"], *CODES[trial["fault"]]):
        found.append(f"exit code {trial['code']}: {trial['said']}")
    lines = trial["said"].splitlines()
    if "Traceback" in trial["said"] or len(lines) > 3:
        found.append(f"more than a sentence: {trial['said']}")
    if trial["code"] != first["code"] and not lines:
        found.append("it failed and said nothing")
    return found


def _left(first: dict[str, Any], trial: dict[str, Any]) -> list[str]:
    before, after, left = first["before"], first["after"], trial["left"]
    found = [
        f"left {name} {left[name]}, expected {before[name]} or {after[name]}"
        for name in LASTS
        if left[name] not in (before[name], after[name]) and not (name == "models" and _one_by_one(first, left))
    ]
    lists = dict(zip(before["served"] + after["served"], before["lists"] + after["lists"], strict=True))
    if before["raw"] == after["raw"]:  # a list is what it is, whenever it is served; only an erasure changes it
        found += [
            f"list {name} has changed" for name, rows in zip(left["served"], left["lists"], strict=True)
            if lists.get(name) != rows
        ]  # fmt: skip
    return found


def _one_by_one(first: dict[str, Any], left: dict[str, Any]) -> bool:
    return set(left["models"]) <= set(first["after"]["models"])


def _then(first: dict[str, Any], trial: dict[str, Any]) -> list[str]:
    found = [] if trial["again"] == first["code"] else [f"again: exit code {trial['again']}: {trial['again_said']}"]
    after, then = first["after"], trial["then"]
    return found + [f"then {name} {then[name]}, expected {after[name]}" for name in SAME if then[name] != after[name]]
