"""What a list for retries may hold: only orders whose last decline allows another try with the same card or account."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from payrec.worklist import policy as policies
from payrec.worklist import rank, reason_codes

Make = Callable[..., pa.Table]
CODES = reason_codes.read()
ROWS = sorted(CODES.meaning)
RETRY = policies.Policy(action="retry")

# code of a Stripe decline, and why a list for retries leaves it out (None: it is tried again)
DECLINES: dict[str | None, str | None] = {
    "previously_declined_do_not_retry": "hard_decline",
    "requested_block_on_incorrect_cvc": "needs_customer",
    "pickup_card": "hard_decline",
    "do_not_honor": None,
    "incorrect_number": "needs_customer",
    "transaction_not_allowed": "hard_decline",
    "insufficient_funds": None,
    "highest_risk_level": "hard_decline",
    "try_again_later": None,
    # not in the case
    "Do Not Try Again": "hard_decline",
    "authentication_required": "needs_customer",
    "fraudulent": "stop_code",
    "a_code_of_next_year": "unknown_code",
    None: None,
}


def reasons(rows: pa.Table, policy: policies.Policy) -> dict[str, str | None]:
    listed = rank.rank(rows, policy).to_pylist()
    assert all((row["rank"] is None) == (row["suppressed_reason"] is not None) for row in listed)
    return {row["order_id"]: row["suppressed_reason"] for row in listed}


def test_declines_by_hand(open_orders: Make) -> None:
    rows = open_orders(*({"order_id": str(code), "provider": "stripe", "reason_code": code} for code in DECLINES))
    assert reasons(rows, RETRY) == {str(code): reason for code, reason in DECLINES.items()}
    assert {reason for reason in reasons(rows, policies.Policy()).values() if reason} == {"stop_code"}


def test_a_mapping_lifts_the_suppression_of_an_unknown_code(open_orders: Make, tmp_path: Any) -> None:
    rows = open_orders({"provider": "acme", "reason_code": "E-17"})
    (row,) = rank.rank(rows, RETRY).to_pylist()
    assert (row["suppressed_reason"], row["lifted_by"]) == (
        "unknown_code", "a mapping of the reason code ([reason_codes] in the policy)",
    )  # fmt: skip
    own = tmp_path / "codes.csv"
    own.write_text(",".join(reason_codes.COLUMNS) + "\nacme,E-17,insufficient_funds,soft,retry_later,limit\n")
    mapped = policies.Policy(action="retry", reason_codes={"file": own})
    assert reasons(rows, mapped) == {"o0": None}
    assert reasons(rows, policies.Policy(action="retry", rules={"unknown_code": False})) == {"o0": None}


@pytest.mark.parametrize("action", ["contact", "retry"])
def test_no_hard_code_of_the_table_is_ranked_for_a_retry(open_orders: Make, action: str) -> None:
    rows = open_orders(
        *({"order_id": f"{scheme} {code}", "provider": scheme, "reason_code": code} for scheme, code in ROWS)
    )
    ranked = {order for order, reason in reasons(rows, policies.Policy(action=action)).items() if reason is None}
    for scheme, code in ROWS:
        meaning = CODES.meaning[scheme, code]
        allowed = meaning.action == "retry_later" if action == "retry" else meaning.action != "stop"
        assert (f"{scheme} {code}" in ranked) == allowed, (scheme, code)
        assert not (action == "retry" and meaning.decline == "hard" and f"{scheme} {code}" in ranked)


@given(
    orders=st.lists(
        st.tuples(
            st.sampled_from([None, "stripe", "braintree_eu", "acme", *{scheme for scheme, _ in ROWS}]),
            st.sampled_from([None, "card", "bacs_debit", "paypal"]),
            st.one_of(st.none(), st.sampled_from([code for _, code in ROWS]), st.text(min_size=1, max_size=6)),
        ),
        min_size=1,
        max_size=20,
    )
)
def test_a_retry_is_ranked_if_and_only_if_its_code_allows_it(open_orders: Make, orders: list[Any]) -> None:
    rows = open_orders(
        *({"provider": of, "payment_method": method, "reason_code": code} for of, method, code in orders)
    )
    expected = set()
    for number, (provider, method, code) in enumerate(orders):
        meaning = None if code is None else reason_codes.look_up(CODES, code, provider, method)
        if code is None or (meaning is not None and (meaning.decline, meaning.action) == ("soft", "retry_later")):
            expected.add(f"o{number}")
    assert {order for order, reason in reasons(rows, RETRY).items() if reason is None} == expected
