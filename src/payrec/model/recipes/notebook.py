"""A plain scikit-learn model for notebook users, as the original project wrote one: ``models/model_calibrated.joblib``.

payrec writes it and never reads it: loading a joblib file runs the code in it.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from payrec.common.files import replacing
from payrec.model.features.declarations import CUSTOMER, NEEDED, TEXTS
from payrec.model.features.view_columns import ViewColumns, ViewRows
from payrec.model.recipes import sample
from payrec.model.recipes.training import TrainSpec

TIMES = ("as_of", "promised_until")
CATEGORIES = tuple(feature.name for feature in TEXTS)
NUMBERS = tuple(name for name in NEEDED if name not in (*CATEGORIES, *TIMES, CUSTOMER))


def export_joblib(rows: ViewRows, spec: TrainSpec, path: Path) -> Path:
    """Fit the original's recipe in scikit-learn alone and write it to ``path``, whole or not at all.

    The object takes the frame that :func:`frame` makes, columns ``NUMBERS`` and ``CATEGORIES`` of the feature view,
    and answers ``predict_proba``. Scaling, one column for each category, balanced logistic regression; then a sigmoid
    on the newest rows, which the regression has not seen.

    Raises
    ------
    DataRefused
        Too few rows of either class, as by ``recipes.train``.
    UsageError
        The file cannot be written.
    """
    import joblib
    from sklearn.calibration import CalibratedClassifierCV
    from sklearn.frozen import FrozenEstimator

    drawn = sample.draw(rows, spec.horizon_days, spec.max_rows, spec.seed)
    slices = sample.cut(drawn, spec.horizon_days)
    inputs = frame(drawn.rows)
    everything = np.arange(len(drawn.label))
    older, newest = (everything, everything) if slices is None else (slices.older, slices.calibrate)
    fitted = _pipeline().fit(inputs.iloc[older], drawn.label[older])
    calibrated = CalibratedClassifierCV(FrozenEstimator(fitted), method="sigmoid").fit(
        inputs.iloc[newest], drawn.label[newest]
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    with replacing(path) as sink:
        joblib.dump(calibrated, sink)
    return path


def frame(rows: ViewRows) -> pd.DataFrame:
    """Return the columns that the exported model takes: numbers with NaN and text with ``unknown`` for NULL."""
    columns = ViewColumns(rows)
    series: dict[str, Any] = {name: columns.number(name) for name in NUMBERS}
    for name in CATEGORIES:
        array = columns.array(name)
        values = [None] * columns.n if array is None else array.cast(pa.string()).to_pylist()
        series[name] = pd.Series(["unknown" if value is None else value for value in values], dtype=object)
    return pd.DataFrame(series)


def _pipeline() -> Any:
    from sklearn.compose import ColumnTransformer
    from sklearn.impute import SimpleImputer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import Pipeline
    from sklearn.preprocessing import OneHotEncoder, StandardScaler

    fill = SimpleImputer(strategy="median", keep_empty_features=True)
    numbers = Pipeline([("fill", fill), ("scale", StandardScaler())])
    one_hot = OneHotEncoder(handle_unknown="infrequent_if_exist", min_frequency=sample.MIN_OF_EACH_CLASS)
    columns = ColumnTransformer([("numbers", numbers, list(NUMBERS)), ("categories", one_hot, list(CATEGORIES))])
    return Pipeline([("columns", columns), ("model", LogisticRegression(class_weight="balanced", max_iter=2000))])
