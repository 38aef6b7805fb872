"""Every case has a test that does it, or says why it cannot have one; the page is as the tests are."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "scripts"))
import reliability  # noqa: E402

CASES = reliability.cases()
KNOWN = reliability.tests()


def test_the_cases_are_numbered_without_a_gap() -> None:
    assert [case["number"] for case in CASES] == list(range(1, len(CASES) + 1))


@pytest.mark.parametrize("case", CASES, ids=lambda case: str(case["number"]))
def test_every_case_has_a_test_or_a_reason(case: dict[str, str]) -> None:
    assert reliability.of_case(case, KNOWN) or case.get("reason")


def test_no_test_names_a_case_that_is_not_there() -> None:
    named = {int(match[1]) for one in KNOWN.values() if (match := reliability.NUMBERED.match(one.name))}
    assert named <= {case["number"] for case in CASES}


def test_the_page_is_as_the_tests_are() -> None:
    assert (ROOT / "docs" / "reliability.md").read_text(encoding="utf-8") == reliability.page()
