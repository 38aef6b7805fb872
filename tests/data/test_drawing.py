"""Orders drawn before the build: their landmarks are those of the full build, whatever else is left out."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

import pyarrow as pa
import pytest

from payrec.data import layers, snapshots
from payrec.data.drawing import Draw, share_drawn
from payrec.data.engines import Engine
from payrec.data.sampling import is_sampled
from tests.data.portfolios import load
from tests.data.test_warehouse import made

EVERYTHING = layers.Parameters(as_of=(datetime(2024, 4, 30),), landmark_ages=(-7, 0, 3, 7, 30, 60))


def view(engine: Engine) -> pa.Table:
    return engine.read(f"SELECT * FROM {layers.VIEW} ORDER BY order_id, as_of")


def test_rows_of_drawn_orders_are_those_of_the_full_build(engine: Engine) -> None:
    load(engine, *made(3, orders=80))
    layers.build(engine, EVERYTHING)
    full = view(engine)
    draw, steps = Draw(60, 1), list[str]()
    layers.build(engine, replace(EVERYTHING, draw=draw), steps.append)
    share = share_drawn(engine, draw.seed)
    assert f"landmarks of {share:.1%} of the orders, drawn by seed 1" in steps
    at_scoring = [at == EVERYTHING.as_of[0] for at in full["as_of"].to_pylist()]
    kept = is_sampled(full["order_id"].combine_chunks(), draw.seed, share) | at_scoring
    assert view(engine) == full.filter(pa.array(kept)), "every order is scored, every fact counts"
    assert 0 < sum(kept) < full.num_rows


def test_a_draw_answers_for_itself_and_for_scoring(duckdb_memory: Engine) -> None:
    load(duckdb_memory, *made(3, orders=80))
    drawn = replace(EVERYTHING, draw=Draw(60, 1))
    layers.build(duckdb_memory, drawn)
    assert layers.answers(duckdb_memory, drawn)
    assert layers.answers(duckdb_memory, replace(EVERYTHING, landmark_ages=()))
    assert not layers.answers(duckdb_memory, EVERYTHING)
    assert not layers.answers(duckdb_memory, replace(EVERYTHING, draw=Draw(60, 2)))
    layers.build(duckdb_memory, EVERYTHING)
    assert layers.answers(duckdb_memory, drawn), "all landmarks hold those of a draw"


@pytest.mark.parametrize("seed", [1, 2])
def test_training_reads_the_same_rows_from_a_drawn_build(duckdb_memory: Engine, seed: int) -> None:
    """The same hash draws before the build and on reading; the build takes a few less, counting unlabelled ones."""
    load(duckdb_memory, *made(4, orders=80))
    layers.build(duckdb_memory, EVERYTHING)
    read = snapshots.training_rows(duckdb_memory, 60, seed)
    layers.build(duckdb_memory, replace(EVERYTHING, draw=Draw(60, seed)))
    drawn = snapshots.training_rows(duckdb_memory, 10**6, seed)
    assert 0 < drawn.num_rows <= read.num_rows
    assert set(drawn["order_id"].to_pylist()) <= set(read["order_id"].to_pylist())
    assert snapshots.training_rows(duckdb_memory, drawn.num_rows // 2, seed).num_rows < drawn.num_rows
