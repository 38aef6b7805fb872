"""What ended an order is what the plain reckoning says."""

from __future__ import annotations

from payrec.data import layers
from payrec.data.endings import ENDINGS, ending
from payrec.data.engines import Engine
from tests.data.test_meaning_in_sql import RULES, TIMES, drawn, load
from tests.meaning import order_known_at, reckon


def test_what_ended_an_order_is_what_the_plain_reckoning_says(duckdb_memory: Engine) -> None:
    orders, events = drawn(30)
    load(duckdb_memory, orders, events, "events")
    layers.build(duckdb_memory, layers.Parameters(as_of=TIMES, landmark_ages=(), observed_until=RULES.observed_until))
    seen = set()
    for as_of in TIMES[1::2]:
        meanings = reckon(orders, events, as_of, RULES)
        for order in orders:
            name = order["order_id"]
            reason = meanings[name].reasons[0] if name in meanings and not meanings[name].is_open else None
            ended = ending(duckdb_memory, name, as_of)
            if ended == "never_open":
                assert reason not in (None, "no_debt"), (name, as_of)
                assert not reckon([order], events, order_known_at(order), RULES)[name].is_open
            else:
                assert ended == reason, (name, as_of)
            seen.add(ended)
    assert {"paid", "no_debt", "never_open", None} <= seen <= {*ENDINGS, None}
