"""Feature importance: how much worse a model gets when one group of columns is shuffled between rows.

Permutation importance (Breiman 2001) on rows the model has not seen, whatever the recipe. Columns are shuffled in
the groups in which features are explained, since columns of a group carry much the same information. The result
says what the model uses, not what causes a payment.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pyarrow as pa

from payrec.common.arrow import Floats
from payrec.model.evaluate import metrics
from payrec.model.features.declarations import BY_NAME, FEATURES, GROUPS

Predict = Callable[[pa.Table], Floats]

OWNER = {"as_of": "calendar"}
REPEATS = 3


def columns_of(group: str) -> tuple[str, ...]:
    """Columns of the feature view that belong to a group; one that several groups read belongs to its own name's."""
    owned = []
    for feature in FEATURES:
        for column in feature.needs:
            own = BY_NAME[column].group if column in BY_NAME else feature.group
            if OWNER.get(column, own) == group and column not in owned:
                owned.append(column)
    return tuple(owned)


def by_permutation(predict: Predict, rows: pa.Table, y: Floats, most_rows: int, seed: int) -> list[dict[str, Any]]:
    """Loss of quality when each group of columns is shuffled, the largest first.

    Parameters
    ----------
    predict
        Rows -> probabilities, (n,).
    rows, y
        Rows with a label, n of them; a seeded sample of at most ``most_rows`` is used.
    most_rows, seed
        Bound on the work, and the seed of sample and permutations.

    Returns
    -------
    list of dict
        ``group``, ``meaning``, ``log_loss_rise`` and ``pr_auc_drop``: means over 3 permutations; a group with no
        column in ``rows``, or with the same values everywhere, has 0.
    """
    rng = np.random.default_rng(seed)
    at = np.sort(rng.permutation(y.size)[:most_rows])
    sample, labels = rows.take(at), y[at]
    plain = predict(sample)
    loss, order = metrics.log_loss(labels, plain), metrics.pr_auc(labels, plain)
    losses = []
    for group, meaning in GROUPS.items():
        mixed = [predict(_mixed_up(sample, columns_of(group), rng)) for _ in range(REPEATS)]
        rise = float(np.mean([metrics.log_loss(labels, p) for p in mixed])) - loss
        drop = order - float(np.mean([metrics.pr_auc(labels, p) for p in mixed]))
        losses.append({"group": group, "meaning": meaning, "log_loss_rise": rise, "pr_auc_drop": drop})
    return sorted(losses, key=lambda row: (-row["log_loss_rise"], row["group"]))


def _mixed_up(rows: pa.Table, columns: tuple[str, ...], rng: np.random.Generator) -> pa.Table:
    lot = rng.permutation(rows.num_rows)
    for name in columns:
        if name in rows.column_names:
            rows = rows.set_column(rows.column_names.index(name), name, rows[name].take(lot))
    return rows
