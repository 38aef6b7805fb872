"""payrec report: a model's report as one page."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from payrec.common.errors import UsageError
from payrec.common.files import replacing
from payrec.model.evaluate import model_report
from payrec.model.store import versions


@dataclass(frozen=True)
class ReportFiles:
    """A model's report: the page, and its model card as JSON in the same folder."""

    model_id: str
    page: Path
    card: Path


def report(
    out: Path | str = "out/report.html", reference: str = "champion", models: Path | str = "models"
) -> ReportFiles:
    """Write the report of a model as self-contained HTML, and its model card as ``card.json`` in the same folder.

    Raises
    ------
    UsageError
        The model was stored without a card, or ``out`` cannot be written.

    >>> payrec.report(folder / "report.html", models=models).page.name
    'report.html'
    """
    bundle, page = versions.show(Path(models), reference), Path(out)
    if bundle.model.recipe == "rule":
        msg = f"model {bundle.model_id} ranks by rule: it has no test on your data to report"
        raise UsageError(f"{msg}\ntrain a model of your own: payrec train")
    if not bundle.card:
        raise UsageError(f"found no card with the model {bundle.model_id}, expected one\ntrain it again: payrec train")
    card = page.with_name("card.json")
    page.parent.mkdir(parents=True, exist_ok=True)
    for path, text in (
        (page, model_report.html(bundle.card, bundle.model_id)),
        (card, json.dumps(bundle.card, indent=2, ensure_ascii=False)),
    ):
        with replacing(path) as sink:
            sink.write(text.encode())
    return ReportFiles(bundle.model_id, page, card)
