"""What the model is worth over the best simple rule: money at several capacities, and ranking within ages."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from payrec.common.arrow import Floats
from payrec.model.evaluate import intervals, metrics
from payrec.model.evaluate.baselines import OutstandingAmounts
from payrec.model.evaluate.intervals import NAN, Statistic
from payrec.model.evaluate.metrics import GroupCodes

SHARES = (0.01, 0.02, 0.05, 0.1, 0.2, 0.33)  # of the list that can be contacted
RULES = {
    "amount": "the largest amount first",
    "age_rate": "amount × the usual rate of its age",
    "history_rate": "amount × the customer's own rate",
    "youngest_first": "the youngest first",
    "oldest_first": "the oldest first",
}
"""Rules that a team could sort by in a spreadsheet."""


def rate_of_age(age_days: Floats, y: Floats, wanted: Floats) -> Floats:
    """Share recovered at each age of the training rows, (m,), (m,), for the ages ``wanted``, (n,) -> (n,)."""
    ages, at = np.unique(age_days, return_inverse=True)
    return np.interp(wanted, ages, np.bincount(at, y) / np.bincount(at))


def money_by_rule(amounts: OutstandingAmounts, age: Floats, history: Floats, age_rate: Floats) -> dict[str, Floats]:
    """Score of each row by each simple rule, (n,) each, higher first."""
    owed = amounts.outstanding_minor
    return dict(zip(RULES, (owed, owed * age_rate, owed * history, -age, age), strict=True))


def compare(
    gain: Floats, model: Floats, rules: Mapping[str, Floats], customer: GroupCodes, resamples: int, seed: int
) -> list[dict[str, Any]]:
    """Compare the money that the model and the rules find at each of ``SHARES``, of rows of one currency.

    Parameters
    ----------
    gain, model
        Money recovered from each row in hundredths, and the model's expected money, (n,) each.
    rules
        By name, as :func:`money_by_rule`.

    Returns
    -------
    list
        One row a share: ``share``, ``best_rule``, ``gain`` (the model's money over that of the best rule, less 1) with
        ``gain_95``, and ``of_best_possible``: the shares of the most possible, by ``model`` and rule.
    """
    money = {name: metrics.captured(gain, score, SHARES) for name, score in {"model": model, **rules}.items()}
    most = metrics.captured(gain, gain, SHARES)
    best = [max(rules, key=lambda name: money[name][at]) for at in range(len(SHARES))]
    ours = _captured(gain, model)
    theirs = {name: _captured(gain, rules[name]) for name in sorted(set(best))}

    def gains(weight: Floats) -> Mapping[str, float]:
        mine, others = ours(weight), {name: top(weight) for name, top in theirs.items()}
        return {str(at): _over(mine[at], others[name][at]) for at, name in enumerate(best)}

    drawn = intervals.bootstrap(customer, [gains], resamples, seed)
    return [
        {
            "share": share,
            "best_rule": best[at],
            "gain": _over(float(money["model"][at]), float(money[best[at]][at])),
            "gain_95": list(drawn.get(str(at), (NAN, NAN))),
            "of_best_possible": {name: float(top[at] / most[at]) if most[at] else NAN for name, top in money.items()},
        }
        for at, share in enumerate(SHARES)
    ]


def at_capacity(
    gain: Floats,
    model: Floats,
    rules: Mapping[str, Floats],
    share: float,
    bootstrap: Callable[[Statistic], Mapping[str, tuple[float, float]]],
) -> dict[str, Any]:
    """Compare the money found in one ``share`` of the rows; ``gain``, ``model`` and ``rules`` as :func:`compare`.

    Returns
    -------
    dict
        ``share``, ``of_best_possible`` of the list with ``of_best_possible_95``, and ``rules``: by name
        ``of_best_possible``, and ``of_list`` (their money over the list's) with ``of_list_95``.
    """
    shares = (min(share, 1.0),)
    ours, most = _captured(gain, model, shares), _captured(gain, gain, shares)
    theirs = {name: _captured(gain, score, shares) for name, score in rules.items()}

    def ratios(weight: Floats) -> Mapping[str, float]:
        mine, best = float(ours(weight)[0]), float(most(weight)[0])
        own = {name: float(top(weight)[0]) for name, top in theirs.items()}
        of_list = {name: money / mine if mine > 0 else NAN for name, money in own.items()}
        return of_list | {"list": mine / best if best > 0 else NAN}

    whole, drawn = ratios(np.ones(gain.size)), bootstrap(ratios)
    return {
        "share": shares[0],
        "of_best_possible": whole["list"],
        "of_best_possible_95": list(drawn.get("list", (NAN, NAN))),
        "rules": {
            name: {
                "of_list": whole[name],
                "of_list_95": list(drawn.get(name, (NAN, NAN))),
                "of_best_possible": whole[name] * whole["list"],
            }
            for name in rules
        },
    }


def within_ages(y: Floats, p: Floats, age: Floats) -> Statistic:
    """Prepare weighted ``roc_auc_within_ages``: ROC AUC of the pairs of one age, so that age itself ranks nobody."""
    parts = []
    for each in np.unique(age):
        at = np.flatnonzero(age == each)
        if 0 < y[at].sum() < at.size:
            parts.append((at, y[at], intervals.discrimination(y[at], p[at])))

    def figures(weight: Floats) -> Mapping[str, float]:
        total = pairs = 0.0
        for at, labels, ranked in parts:
            own = weight[at]
            paid = float(own @ labels)
            count = paid * (float(own.sum()) - paid)
            auc = ranked(own)["roc_auc"]
            if count > 0 and np.isfinite(auc):
                total, pairs = total + count * auc, pairs + count
        return {"roc_auc_within_ages": total / pairs if pairs else NAN}

    return figures


def sentence(rows: list[dict[str, Any]]) -> str:
    """Say up to which capacity the list surely finds more money than the best simple rule; empty without intervals.

    >>> rule = {"best_rule": "amount", "of_best_possible": {}}
    >>> sentence([{"share": 0.01, "gain": 0.4, "gain_95": [0.1, 0.6], **rule},
    ...           {"share": 0.1, "gain": 0.02, "gain_95": [-0.03, 0.08], **rule}]).split("; ")[1]
    'at 10% that rule finds 98% as much: the list surely pays off below that'
    """
    known = [row for row in rows if row["gain_95"][0] is not None and np.isfinite(row["gain_95"][0])]
    sure = [row for row in known if row["gain_95"][0] > 0]
    if not known:
        return ""
    if not sure:
        row = max(known, key=lambda one: float(one["gain"]))
        return (
            f"at no capacity does the list surely find more money than {RULES[row['best_rule']]}: "
            f"at best {row['gain']:+.0%} at {row['share']:.0%} of the list"
        )
    best, last = max(sure, key=lambda one: float(one["gain"])), max(row["share"] for row in sure)
    low, high = best["gain_95"]
    gained = (
        f"worked to {best['share']:.0%} it finds {best['gain']:.0%} more money than {RULES[best['best_rule']]} "
        f"(95%: {low:+.0%} to {high:+.0%})"
    )
    unsure = next((row for row in known if row["share"] > last), None)
    if unsure is None:
        return gained
    rule = "that rule" if unsure["best_rule"] == best["best_rule"] else RULES[unsure["best_rule"]]
    return (
        f"{gained}; at {unsure['share']:.0%} {rule} finds {1 / (1 + unsure['gain']):.0%} as much: "
        "the list surely pays off below that"
    )


def capacity_sentence(at: Mapping[str, Any], contacts: int, open_orders: int) -> str:
    """Say what the largest amount first, and the best of the other rules, find at a capacity, compared with the list.

    >>> rules = {name: {"of_list": 0.93, "of_list_95": [0.88, 0.97]} for name in ("amount", "age_rate")}
    >>> print(capacity_sentence({"share": 0.2, "rules": rules}, 200, 1_000).partition(" (95%")[0])
    at your capacity, 200 contacts for about 1,000 open orders, the largest amount first finds 93% as much
    """
    if at["share"] >= 1:
        return (
            f"your capacity, {contacts:,} contacts, reaches all of about {open_orders:,} open orders: any order will do"
        )
    best = max(at["rules"], key=lambda name: at["rules"][name]["of_list"] or 0.0)
    finds = []
    for name in dict.fromkeys(("amount", best)):
        rule = at["rules"][name]
        if rule["of_list"] is None or not np.isfinite(rule["of_list"]):
            return ""
        low, high = rule["of_list_95"]
        sure = "" if low is None or not np.isfinite(low) else f" (95%: {low:.0%} to {high:.0%})"
        finds.append(f"{RULES[name]} finds {rule['of_list']:.0%} as much{sure}")
    return f"at your capacity, {contacts:,} contacts for about {open_orders:,} open orders, {', '.join(finds)}"


def _over(ours: float, theirs: float) -> float:
    return ours / theirs - 1 if theirs > 0 else NAN


def _captured(gain: Floats, score: Floats, shares: tuple[float, ...] = SHARES) -> Callable[[Floats], Floats]:
    """Weights -> sum of ``gain`` over the best-scored ``shares`` of the weight, (len(shares),); ties in proportion."""
    order = np.argsort(-score, kind="stable")
    gains, ends = gain[order], metrics.tie_ends(score[order])

    def top(weight: Floats) -> Floats:
        ranked = weight[order]
        rows = np.concatenate(([0.0], np.cumsum(ranked)[ends]))
        sums = np.concatenate(([0.0], np.cumsum(ranked * gains)[ends]))
        captured: Floats = np.interp(np.array(shares) * rows[-1], rows, sums)
        return captured

    return top
