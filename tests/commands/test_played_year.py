"""The year of docs/proof.md, with fewer lists of more customers: what the commands say is held against the truth."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import numpy as np
import pytest

from payrec.commands import effect, holdout
from payrec.data.engines import connect

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "scripts"))
import play_year  # noqa: E402

PAGE = (ROOT / "docs" / "proof.md").read_text(encoding="utf-8")
LISTS, PER_WEEK = (0, 1, 2, 3, 8), 340  # four of them have ended by the fifth
BLOCK = re.compile(r"<!-- year: (?P<world>\w+), ([^\n]+?)(?:, look (\d))? -->\n```\n\$ payrec [^\n]*\n([^`]*)```")
PRINTED: dict[str, list[play_year.Printed]] = {}
"""By world, what the commands printed on the first engine."""


@pytest.mark.parametrize("world", play_year.EFFECTS)
def test_a_year_by_documented_commands(world: str, engine_url: str, tmp_path: Path) -> None:
    player = play_year.play(world, engine_url, tmp_path, LISTS, PER_WEEK)
    printed = [one for one in player.printed if not one.command.startswith(("load", "run", "train"))]
    blocks = [one.groups() for one in BLOCK.finditer(PAGE) if one["world"] == world]
    for _, command, look, text_of_page in blocks:
        outputs = [one.text for one in printed if one.command == command]
        assert outputs[int(look or 1) - 1] == text_of_page
    assert {one.command for one in printed} <= set(re.findall(r"payrec (\w+ \w+[^\n`]*)(?:\n|`)", PAGE))
    assert printed == PRINTED.setdefault(world, printed), "the same on each engine"

    started, early, decided = (printed[at] for at in (1, 2, -4))
    assert "A/A check" in printed[0].text
    assert (started.code, early.code, decided.code) == (0, 4, 0)
    assert "no epoch has ended whose payments are known" in early.text
    with connect(engine_url) as engine:
        status = holdout.status(engine, "year")
    truth = play_year.truth(player)
    orders = truth["orders"] / truth["contacts"] * 100
    for figure, true in zip(status.figures, (orders, None, 100 * truth["money"]), strict=True):
        assert figure.refusal is None
        if true is not None:
            assert figure.estimate.low <= true <= figure.estimate.high
            assert abs(figure.estimate.total - true) <= 3 * (figure.estimate.plain_high - figure.estimate.total) / 1.96
    assert (status.verdict, status.contacted["contact"], status.contacted["hold"]) == ("more", 1.0, 0.0)
    assert world != "differing" or f"{orders:.1f} points and {truth['money']:,.0f} EUR" in PAGE
    assert all(sentence in decided.text for sentence in holdout.sentences(status))

    report = effect.show(tmp_path / "models")
    differs = world == "differing"
    assert (report.verdict.is_on, report.orders >= 1_250) == (differs, True)
    assert {one.code for one in printed[-3:-1]} == {0 if differs else 4}
    expected = "the list is ranked by extra money" if differs else "does not differ beyond what the chance says"
    assert expected in printed[-2].text
    added = np.mean([*play_year.EFFECTS[world].values()])
    assert report.verdict.mean_effect == pytest.approx(100 * added, abs=8)
