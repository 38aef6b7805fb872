"""Check of a booster's JSON before XGBoost reads it: nothing missing, every index within its bounds.

Somebody may edit a file and renew its hash. XGBoost would then follow an index out of bounds into foreign memory, and
never leave a tree with a circle in it.
"""

from __future__ import annotations

import json
import re
from typing import Any

import numpy as np

KEYS = {
    "": {"learner", "version"},
    "learner": {"attributes", "feature_names", "feature_types", "gradient_booster", "learner_model_param", "objective"},
    "gradient_booster": {"model", "name"},
    "model": {"cats", "gbtree_model_param", "iteration_indptr", "tree_info", "trees"},
    "gbtree_model_param": {"num_parallel_tree", "num_trees"},
    "learner_model_param": {"base_score", "boost_from_average", "num_class", "num_feature", "num_target"},
    "objective": {"name", "reg_loss_param"},
    "tree_param": {"num_deleted", "num_feature", "num_nodes", "size_leaf_vector"},
}
PER_NODE = {
    "base_weights": float,
    "default_left": int,
    "left_children": int,
    "loss_changes": float,
    "parents": int,
    "right_children": int,
    "split_conditions": float,
    "split_indices": int,
    "split_type": int,
    "sum_hessian": float,
}
PER_SET = {"categories_nodes": int, "categories_segments": int, "categories_sizes": int}
TREE_KEYS = {*PER_NODE, *PER_SET, "categories", "id", "tree_param"}
BASE_SCORE = re.compile(r"\[?([0-9]+(?:\.[0-9]+)?(?:E-?[0-9]{1,3})?)\]?")
ROOT_PARENT = 2**31 - 1
MOST_CODES = 2**15
LARGEST_LEAF = 100.0
LARGEST_FLOAT = float(np.finfo(np.float32).max)


def problem(content: bytes, feature_types: list[str]) -> str:
    """Say what is wrong with the booster in ``content`` for inputs of ``feature_types``; nothing if it may be read."""
    try:
        return _problem(parse(content), feature_types)
    except (ValueError, KeyError, TypeError, AttributeError, IndexError, OverflowError, RecursionError) as error:
        return str(error) or type(error).__name__


def parse(content: bytes) -> Any:
    """Return the JSON document in ``content`` if every JSON reader reads the same in it.

    Raises
    ------
    ValueError
        Not ASCII, an escape, a key that appears twice, NaN or infinity, or no JSON.
    """
    if b"\\" in content:
        raise ValueError("an escape")
    return json.loads(content.decode("ascii"), object_pairs_hook=_once, parse_constant=_no_constant)


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    document = dict(pairs)
    if len(document) != len(pairs):
        raise ValueError("a key twice")
    return document


def _no_constant(name: str) -> None:
    raise ValueError(f"the number {name}")


def _problem(document: Any, feature_types: list[str]) -> str:
    learner = _keys(document, "")["learner"]
    booster = _keys(learner, "learner")["gradient_booster"]
    model = _keys(booster, "gradient_booster")["model"]
    count = str(len(feature_types))
    sizes = _keys(_keys(model, "model")["gbtree_model_param"], "gbtree_model_param")
    about = _keys(learner["learner_model_param"], "learner_model_param")
    objective = _keys(learner["objective"], "objective")
    trees = model["trees"]
    base_score = BASE_SCORE.fullmatch(about["base_score"])
    fits = (
        learner["attributes"] == {},
        learner["feature_names"] == [],
        learner["feature_types"] == feature_types,
        booster["name"] == "gbtree",
        objective == {"name": "binary:logistic", "reg_loss_param": {"scale_pos_weight": "1"}},
        sizes == {"num_parallel_tree": "1", "num_trees": str(len(trees))},
        (about["num_class"], about["num_feature"], about["num_target"]) == ("0", count, "1"),
        about["boost_from_average"] in ("0", "1"),
        base_score is not None and 0 < float(base_score[1]) < 1,
        set(model["cats"]) == {"enc", "feature_segments", "sorted_idx"},
        all(part == [] for part in model["cats"].values()),
        _is_array(model["iteration_indptr"], int, len(trees) + 1),
        model["iteration_indptr"] == list(range(len(trees) + 1)),
        _is_array(model["tree_info"], int, len(trees)),
        model["tree_info"] == [0] * len(trees),
        len(document["version"]) == 3,
        all(type(part) is int and 0 <= part < 1000 for part in document["version"]),
    )
    if not all(fits):
        return f"part {fits.index(False)} of its frame"
    wrong = [number for number, tree in enumerate(trees) if not _is_tree(tree, number, feature_types)]
    return f"tree {wrong[0]}" if wrong else ""


def _keys(part: Any, name: str) -> Any:
    if set(part) != KEYS[name]:
        raise ValueError(f"the keys of {name or 'the file'}")
    return part


def _is_tree(tree: Any, number: int, feature_types: list[str]) -> bool:
    if set(tree) != TREE_KEYS or type(tree["id"]) is not int or tree["id"] != number:
        return False
    nodes = len(tree["left_children"])
    expected = {
        "num_deleted": "0",
        "num_feature": str(len(feature_types)),
        "num_nodes": str(nodes),
        "size_leaf_vector": "1",
    }
    arrays = [(name, kind, nodes) for name, kind in PER_NODE.items()]
    arrays += [(name, kind, len(tree["categories_nodes"])) for name, kind in PER_SET.items()]
    arrays.append(("categories", int, len(tree["categories"])))
    whole = all(_is_array(tree[name], kind, length) for name, kind, length in arrays)
    if not whole or tree["tree_param"] != expected or not nodes:
        return False
    return _is_grown(tree, nodes) and _has_sets(tree, feature_types) and _is_moderate(tree)


def _is_array(part: Any, kind: type, length: int) -> bool:
    """Whether it is a list of that length, of whole numbers or of floats within XGBoost's 32 bits."""
    if type(part) is not list or len(part) != length or not set(map(type, part)) <= {kind}:
        return False
    return bool((np.abs(np.array(part, np.float64)) <= (LARGEST_FLOAT if kind is float else ROOT_PARENT)).all())


def _is_grown(tree: Any, nodes: int) -> bool:
    """Whether every node but the root hangs on an earlier one, exactly once: no circle, nothing out of bounds."""
    left, right = (np.asarray(tree[name], np.int64) for name in ("left_children", "right_children"))
    parents = np.asarray(tree["parents"], np.int64)
    inner = np.flatnonzero(left != -1)
    children = np.concatenate([left[inner], right[inner]])
    hangs = np.concatenate([inner, inner])
    if not np.array_equal(left == -1, right == -1) or parents[0] != ROOT_PARENT:
        return False
    if not np.array_equal(np.sort(children), np.arange(1, nodes)) or not (children > hangs).all():
        return False
    return bool((parents[children] == hangs).all())


def _is_moderate(tree: Any) -> bool:
    """Whether no leaf alone decides, and every node has seen rows: SHAP values divide by that."""
    leaves = np.asarray(tree["split_conditions"])[np.asarray(tree["left_children"]) == -1]
    return bool((np.abs(leaves) < LARGEST_LEAF).all() and (np.asarray(tree["sum_hessian"]) > 0).all())


def _has_sets(tree: Any, feature_types: list[str]) -> bool:
    """Whether each split names a feature of its type, and each split on a category has its set."""
    inner = np.asarray(tree["left_children"]) != -1
    feature, kind = np.asarray(tree["split_indices"], np.int64), np.asarray(tree["split_type"])
    if ((feature < 0) | (feature >= len(feature_types))).any() or (kind > 1).any():
        return False
    is_category = np.array([name == "c" for name in feature_types])
    if (is_category[feature] != (kind == 1))[inner].any():
        return False
    nodes, start, size = (np.asarray(tree[name], np.int64) for name in PER_SET)
    codes = np.asarray(tree["categories"], np.int64)
    packed = np.array_equal(start, np.cumsum(size) - size) and size.sum() == len(codes)
    within = not len(codes) or (codes.min() >= 0 and codes.max() < MOST_CODES)
    same = np.array_equal(nodes, np.flatnonzero(kind == 1)) and bool(inner[nodes].all())
    return bool(packed and within and same and (size > 0).all())
