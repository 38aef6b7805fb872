"""What happens around an open order: contacts and answers to them, disputes, write-offs.

Only the first contact moves the hazard. Each incident is drawn from the traits of the order, at a planned time, and
happens if the order is still open then.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from payrec.simulate import hazard as hz
from payrec.simulate.course import Course
from payrec.simulate.events import Part
from payrec.simulate.orders import DAY_SECONDS, local_second
from payrec.simulate.world import CHANNEL_SHARES, choose

FOLLOW_UP_SHARE, FOLLOW_UP_DAYS = 0.35, 7
WRITE_OFF_SHARE = 0.8


def contacts(rng: np.random.Generator, course: Course) -> Iterator[Part]:
    """Yield the randomised contacts, reminders without effect a week later, promises and opt-outs."""
    n, paid_at = len(course.at), course.paid_at()
    second, channel = local_second(rng, course.orders.country, 8, 20), choose(rng, CHANNEL_SHARES, n)
    at = course.second(course.contact_day, second)
    contacted = (course.contact_day < hz.LAST_DAY) & (at < paid_at)
    yield Part("contact", course.at[contacted], at[contacted], channel=channel[contacted])

    again_at = at + FOLLOW_UP_DAYS * DAY_SECONDS + rng.integers(-3600, 3600, n)
    again = contacted & ~course.opts_out & (rng.random(n) < FOLLOW_UP_SHARE) & (again_at < paid_at)
    yield Part("contact", course.at[again], again_at[again], channel=choose(rng, CHANNEL_SHARES, int(again.sum())))

    promise_at = at + rng.integers(600, 2 * DAY_SECONDS, n)
    inclined = rng.random(n) < 1 / (1 + np.exp(1.5 - 0.6 * course.eta_hidden))
    promised = contacted & inclined & (promise_at < paid_at)
    until = promise_at // DAY_SECONDS + rng.integers(3, 15, n)
    yield Part("promise", course.at[promised], promise_at[promised], promised_day=until[promised])

    left = contacted & course.opts_out
    yield Part("opt_out", course.at[left], at[left] + rng.integers(300, 18_000, int(left.sum())))


def disputes(rng: np.random.Generator, course: Course) -> Iterator[Part]:
    """Yield disputes of orders that are contested from the start (their hazard is lower), opened while still open."""
    n = len(course.at)
    day = rng.integers(2, 26, n)
    at = course.second(day, local_second(rng, course.orders.country, 8, 22))
    opened = course.is_disputing & (at < course.paid_at())
    closed_at = at + rng.integers(10 * DAY_SECONDS, 40 * DAY_SECONDS, n)
    yield Part("dispute_opened", course.at[opened], at[opened])
    yield Part("dispute_closed", course.at[opened], closed_at[opened])


def write_offs(rng: np.random.Generator, course: Course) -> Iterator[Part]:
    """Yield write-offs: many of the old open orders, and a few young ones of which little is to be hoped."""
    n = len(course.at)
    hopeless = rng.random(n) < 0.12 / (1 + np.exp(2 * (course.eta_hidden + 1.2)))
    old = rng.random(n) < WRITE_OFF_SHARE
    day = np.where(hopeless, rng.integers(25, 61, n), rng.integers(91, 141, n))
    at = course.second(day, rng.integers(9 * 3600, 17 * 3600, n))
    done = (hopeless | old) & (at < course.paid_at())
    yield Part("write_off", course.at[done], at[done])
