"""payrec forecast: what the open orders of the published list bring in, week by week."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from payrec.commands.published import Location, current, store_of
from payrec.common.arrow import Floats, Whole, floats, known, minor, pc, text
from payrec.common.errors import DataRefused, UsageError
from payrec.model.evaluate.expected_sum import ExpectedSum, expected_sum
from payrec.model.recipes import curve
from payrec.model.recipes.model import Model
from payrec.model.store import versions
from payrec.monitor import outcomes
from payrec.monitor.drift import Figure
from payrec.monitor.outcomes import OUTSIDE_80
from payrec.publish import export
from payrec.publish.run_info import FORECASTS, RunInfo
from payrec.publish.store import ListStore

MOST_WEEKS = curve.LONGEST_DAYS // 7


@dataclass(frozen=True)
class ForecastWeek:
    """Money of one week in one currency, from ``from_at`` to ``until_at`` (UTC); sums in hundredths."""

    currency: str
    week: int
    from_at: datetime
    until_at: datetime
    money: ExpectedSum


@dataclass(frozen=True, repr=False)
class Forecast:
    """What the open orders of a list bring in.

    Attributes
    ----------
    run
        The run that published the list.
    weeks
        Its weeks by currency, in order.
    totals
        By currency, all weeks together.
    left_out
        Open orders without a probability, or without a rate to the currency of the list: they are in no sum.
    coverage
        By currency: past weeks that were forecast and have matured, and how many lay inside the 80 % interval.
    """

    run: RunInfo
    weeks: tuple[ForecastWeek, ...]
    totals: dict[str, ExpectedSum]
    left_out: int
    coverage: Mapping[str, tuple[int, int]] = field(default_factory=dict)

    @property
    def table(self) -> pa.Table:
        """One row per currency and week, money in units of the currency."""
        rows = [
            {"currency": one.currency, "week": one.week, "from_at": one.from_at, "until_at": one.until_at}
            | {name: round(getattr(one.money, name) / 100, 2) for name in SUMS}
            for one in self.weeks
        ]
        return pa.Table.from_pylist(rows, _SCHEMA)

    def __repr__(self) -> str:
        return f"<Forecast of run {self.run.run_id}: {len(self.weeks)} weeks in {', '.join(self.totals) or 'none'}>"


SUMS = ("expected", "low_80", "high_80", "low_95", "high_95")
_COLUMNS: list[tuple[str, pa.DataType]] = [
    ("currency", pa.string()), ("week", pa.int64()), ("from_at", pa.timestamp("us")), ("until_at", pa.timestamp("us")),
    *((name, pa.float64()) for name in SUMS),
]  # fmt: skip
_SCHEMA = pa.schema(_COLUMNS)


def forecast(
    published: Location = "out/published",
    models: Path | str = "models",
    weeks: int | None = MOST_WEEKS,
    out: Path | str | None = None,
) -> Forecast:
    """Forecast the money of the open orders of the published list by week; orders that will fail later are not in it.

    Parameters
    ----------
    published
        Folder of the published lists, the PostgreSQL engine that holds them, or their open store.
    models
        Folder of the versions, which holds the model of the list.
    weeks
        How many, up to 13; the list's ``as_of`` begins the first. None: as many as the training rows reach, up to 13.
    out
        Also write the weeks: ``.csv``, ``.xlsx`` or ``.parquet``.

    Raises
    ------
    UsageError
        Nothing has been published, another number of weeks, or the model of the list is gone.
    DataRefused
        The model has no curve, or its training rows do not reach so many weeks.

    >>> forecast = payrec.forecast(published, models, weeks=4)
    >>> [week.week for week in forecast.weeks]
    [1, 2, 3, 4]
    """
    if weeks is not None and not 1 <= weeks <= MOST_WEEKS:
        raise UsageError(f"found {weeks} weeks, expected 1 to {MOST_WEEKS}")
    store = store_of(published)
    run = current(store).run
    result = forecast_of(versions.show(Path(models), run.model_id).model, run, store.scores(run.run_id), weeks)
    past = (Figure(OUTSIDE_80, row["subject"], row["value"]) for row in _outside_80(store))
    result = replace(result, coverage=outcomes.coverage(past, OUTSIDE_80))
    if out is not None:
        Path(out).parent.mkdir(parents=True, exist_ok=True)
        export.write(result.table, Path(out), run.stamp)
    return result


def forecast_of(model: Model, run: RunInfo, listed: pa.Table, weeks: int | None = MOST_WEEKS) -> Forecast:
    """Forecast the open orders of a list by its model.

    Raises
    ------
    DataRefused
        The model has no curve, or its training rows do not reach so many weeks (None: not one).
    """
    if model.curve is None:
        raise DataRefused(f"model {run.model_id} has no curve to other horizons\ntrain again: payrec train, then run")
    wanted = MOST_WEEKS if weeks is None else weeks
    used = known(listed, "p_recover_30d") & known(listed, "outstanding_value")
    rows = listed.filter(pa.array(used))
    by_week = curve.probabilities(
        model.curve, floats(rows, "p_recover_30d"), floats(rows, "age_days"), tuple(range(7, 7 * wanted + 1, 7))
    )
    reached = int((~np.isnan(by_week).any(axis=0)).cumprod().sum())
    by_week = by_week[:, :reached]
    if reached < (weeks or 1):
        raise DataRefused(
            f"the training rows tell when payments come for {reached} weeks, found {wanted} to forecast\n"
            f"take fewer: payrec forecast --weeks {max(reached, 1)}"
        )
    unit, value = text(rows, "ev_currency"), minor(rows, "outstanding_value")
    parts, totals = [], {}
    for currency in sorted(pc.unique(unit).to_pylist()):
        at = pc.equal(unit, currency).to_numpy(zero_copy_only=False)
        parts += _weeks(run, currency, value[at], by_week[at])
        totals[currency] = expected_sum(value[at], by_week[at][:, -1], run.summary.spread)
    return Forecast(run, tuple(parts), totals, int((~used).sum()))


def store_forecast(store: ListStore, model: Model, run: RunInfo, listed: pa.Table) -> None:
    """Store the forecast of a run, for as many weeks as its model reaches; none without a curve."""
    try:
        forecasted = forecast_of(model, run, listed, None)
    except DataRefused:
        return
    spread = run.summary.spread
    kept = {"run_id": run.run_id, "as_of": run.as_of, "phi": spread.phi, "windows": spread.windows}
    rows = [row | kept for row in forecasted.table.to_pylist()]
    if rows:
        store.add_forecasts(run.run_id, pa.Table.from_pylist(rows, FORECASTS))


def _outside_80(store: ListStore) -> list[dict[str, Any]]:
    """Return what monitoring found of past forecasts of a week, each week once."""
    stored = store.verdicts()
    return list({row["subject"]: row for row in stored.to_pylist() if row["metric"] == OUTSIDE_80}.values())


def _weeks(run: RunInfo, currency: str, value: Whole, by_week: Floats) -> list[ForecastWeek]:
    """Return the weeks of one currency, of amounts (n,) and the probabilities to be paid by their ends, (n, weeks)."""
    in_week = np.diff(by_week, axis=1, prepend=0.0)
    starts = [run.as_of + timedelta(weeks=week) for week in range(by_week.shape[1] + 1)]
    return [
        ForecastWeek(currency, week + 1, starts[week], starts[week + 1], expected_sum(value, p, run.summary.spread))
        for week, p in enumerate(in_week.T)
    ]
