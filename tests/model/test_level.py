"""The level of the last weeks: worked by hand, each payment and order-day once, and back to a known shift."""

from __future__ import annotations

from datetime import datetime, timedelta

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from payrec.model.recipes import level, payment_book
from payrec.model.recipes.level import EPOCH, Level
from payrec.model.recipes.payment_book import DailyPayments, Timing

DAY = timedelta(days=1)
FLAT = Timing((0, 1, 3), ((0.25,) * 4,) * 3)  # horizon of 4 days; stands for 1, 2 and 4 days


def rows(*orders: tuple[float, int, float | None, str | None]) -> pa.Table:
    """Landmark snapshots: start and age in days, days until the end (None: open), and what ended it."""
    return pa.table(
        {
            "as_of": pa.array([EPOCH + start * DAY for start, _, _, _ in orders], pa.timestamp("us")),
            "age_days": [age for _, age, _, _ in orders],
            "ended_at": pa.array(
                [None if after is None else EPOCH + (start + after) * DAY for start, _, after, _ in orders],
                pa.timestamp("us"),
            ),
            "ended_by": pa.array([by for *_, by in orders], pa.string()),
        }
    )


def counted(table: pa.Table, p: float = 1 - np.exp(-1), days: int = 10, until: float = np.inf) -> DailyPayments:
    seen = payment_book.exposures(table, np.full(table.num_rows, p), FLAT.ages, until)
    return payment_book.daily(seen, FLAT, 0, days)


def expected(counts: DailyPayments) -> list[float]:
    return [units / payment_book.UNITS for units in counts.expected]


def test_a_snapshot_stands_for_its_order_until_the_next_landmark() -> None:
    """p = 1 − 1/e has the hazard 1, a quarter a day: age 0 for one day, age 1 for two, age 3 for the four left."""
    one = counted(rows((0, 0, None, None), (1, 1, None, None), (3, 3, None, None)))
    assert expected(one) == [0.25] * 7 + [0.0] * 3
    assert sum(one.observed) == 0


def test_a_payment_counts_once_on_its_day_and_ends_what_is_expected() -> None:
    paid = counted(rows((0, 0, 2.5, "payment"), (1, 1, 1.5, "payment")))
    assert paid.observed[:4] == (0, 0, 1, 0)
    assert expected(paid)[:4] == [0.25, 0.25, 0.125, 0.0]
    midnight = counted(rows((0, 3, 2.0, "payment")))  # known at 00:00: of the day before
    assert midnight.observed[:3] == (0, 1, 0)
    void = counted(rows((0, 3, 1.0, "void")))
    assert (sum(void.observed), expected(void)[:2]) == (0, [0.25, 0.0])


def test_what_is_not_known_by_the_night_does_not_count() -> None:
    late = rows((0, 3, 2.5, "payment"), (5, 3, None, None))
    before = counted(late, until=2.25)
    assert (sum(before.observed), expected(before)[:4]) == (0, [0.25, 0.25, 0.0625, 0.0])
    assert counted(rows((0, 3, 9.0, "unseen"))) == counted(rows((99, 3, None, None)))  # paid when? nobody knows


@given(
    st.lists(
        st.tuples(
            st.integers(0, 8), st.sampled_from([0, 1, 3]), st.floats(0.01, 9) | st.none(), st.sampled_from(["payment"])
        ),
        min_size=1,
        max_size=12,
    ),
    st.randoms(),
)
def test_batches_and_order_change_no_number(orders: list[tuple[int, int, float | None, str]], shuffler: object) -> None:
    table = rows(*orders)
    order = list(range(table.num_rows))
    shuffler.shuffle(order)  # type: ignore[attr-defined]
    half = len(order) // 2
    parts = [counted(table.take(pa.array(part, pa.int64()))) for part in (order[:half], order[half:])]
    whole = counted(table)
    for name in ("observed", "expected"):
        assert getattr(whole, name) == tuple(np.sum([getattr(part, name) for part in parts], 0).tolist())


def test_timing_is_the_share_of_payments_by_day_among_the_open() -> None:
    """Half of 8,000 orders pay on day 2 of 4, none on another day."""
    table = rows(*[(0, 0, 1.5, "payment")] * 4_000, *[(0, 0, None, None)] * 4_000)
    seen = payment_book.exposures(table, np.full(8_000, 0.5), (0,), np.inf)
    shares = payment_book.learn_timing(seen, (0,), 4).shares[0]
    assert shares[1] == pytest.approx(1, abs=0.001)
    assert sum(shares) == pytest.approx(1)


def flat(rate: float, days: int = 300) -> Level:
    """A level with as many payments a day in its history as expected."""
    history = DailyPayments(0, (round(rate),) * days, (round(rate * payment_book.UNITS),) * days)
    return Level(FLAT, (1.0,) * 31, (1.0,) * 7, 0.0, history, 1.0)


def night(known: Level, observed: list[int], rate: float) -> level.LevelState:
    newer = DailyPayments(known.next_day, tuple(observed), (round(rate * payment_book.UNITS),) * len(observed))
    return level.of_night(known, newer, EPOCH + (known.next_day + len(observed)) * DAY).state


def test_a_level_that_stays_stays_and_a_jump_is_followed() -> None:
    known, rng = flat(40), np.random.default_rng(5)
    same = night(known, rng.poisson(40, 35).tolist(), 40)
    assert abs(same.shift) < 0.06
    assert same.jump < 0.2
    fallen = night(known, rng.poisson(20, 35).tolist(), 40)
    assert fallen.shift == pytest.approx(np.log(0.5), abs=0.15)
    assert fallen.jump > 0.95
    assert fallen.sentence.startswith("level of the last weeks ×0.")
    risen = night(known, rng.poisson(60, 35).tolist(), 40)
    assert risen.shift == pytest.approx(np.log(1.5), abs=0.15)


def test_few_payments_do_not_move_the_level() -> None:
    state = night(flat(1), [0] * 35, 1)
    assert (state.shift, state.expected) == (0.0, 28.0)
    assert "too few to follow" in state.sentence


@given(st.lists(st.integers(0, 500), min_size=1, max_size=60), st.floats(0.1, 100))
def test_the_level_is_bounded_and_follows_from_its_inputs(observed: list[int], rate: float) -> None:
    one, other = night(flat(rate), observed, rate), night(flat(rate), observed, rate)
    assert one == other
    assert abs(one.shift) <= level.LARGEST_SHIFT
    assert 0 <= one.jump <= 1
    assert one.sd >= 0


def test_each_night_follows_from_the_days_before_it() -> None:
    known, rng = flat(40), np.random.default_rng(6)
    observed = rng.poisson(25, 40).tolist()
    newer = DailyPayments(known.next_day, tuple(observed), (40 * payment_book.UNITS,) * 40)
    nights = known.next_day + np.array([40, 7, 21, 40])
    followed = level.follow(known, newer, nights)
    alone = [night(known, observed[: at - known.next_day], 40).shift for at in nights.tolist()]
    assert followed.tolist() == alone


def test_the_shift_moves_every_probability_and_no_order() -> None:
    p = np.linspace(0.001, 0.999, 50)
    moved = level.moved(p, 0.3)
    assert (np.diff(moved) > 0).all()
    assert (moved > p).all()
    z = np.log(p / (1 - p))
    np.testing.assert_allclose(level.shifted(z, 0.3), moved, rtol=1e-12)
    np.testing.assert_allclose(level.moved(moved, -0.3), p, rtol=1e-9)


def test_paydays_and_weekends_are_expected() -> None:
    """Payments come on the 1st only: after training the 1st is expected to bring more, and the level stays at 0."""
    rng = np.random.default_rng(8)
    start = (datetime(2025, 1, 1) - EPOCH).days
    orders = [(float(start + day), 3, None if rng.random() < 0.5 else _to_first(start + day), "payment")
              for day in range(360) for _ in range(20)]  # fmt: skip
    table = rows(*orders)
    seen = payment_book.exposures(table, np.full(table.num_rows, 0.5), (3,), np.inf)
    learnt = level.learn(seen, (3,), 30)
    assert learnt is not None
    assert learnt.day_of_month[0] > 3 * max(learnt.day_of_month[1:])
    assert learnt.dispersion >= 1


def _to_first(day: int) -> float:
    moment = EPOCH + day * DAY
    following = datetime(moment.year + moment.month // 12, moment.month % 12 + 1, 1)
    return min((following - moment).days + 0.5, 29.5)
