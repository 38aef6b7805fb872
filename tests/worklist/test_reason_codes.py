from __future__ import annotations

import csv
from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path

import pyarrow as pa
import pytest

from payrec.common.errors import UsageError
from payrec.worklist import reason_codes

CODES = reason_codes.read()
HEADER = "scheme,code,category,decline,action,meaning\n"


def shipped() -> Iterator[dict[str, str]]:
    text = (files("payrec.worklist") / "reason_codes.csv").read_text(encoding="utf-8")
    yield from csv.DictReader(text.splitlines())


def test_the_shipped_table_is_whole() -> None:
    rows = list(shipped())
    assert len({(row["scheme"], row["code"]) for row in rows}) == len(rows)
    assert {row["scheme"] for row in rows} == {
        "stripe", "adyen", "braintree", "paypal", "recurly", "gocardless", "iso8583", "visa_category",
        "mastercard_mac", "ach", "sepa", "bacs", "becs", "pad", "payrec",
    }  # fmt: skip
    assert {row["category"] for row in rows} == set(reason_codes.CATEGORIES)
    for row in rows:
        assert row["code"] == reason_codes.normal(row["code"])
        assert row["meaning"], row
        assert not (row["decline"] == "hard" and row["action"] == "retry_later"), row


@pytest.mark.parametrize("code", ["04", "07", "12", "14", "15", "41", "43", "46", "57", "R0", "R1", "R3"])
def test_visa_category_1_is_never_tried_again(code: str) -> None:
    reason = reason_codes.look_up(CODES, code, provider="iso8583")
    assert reason is not None
    assert reason.decline == "hard"


@pytest.mark.parametrize(
    ("provider", "code"),
    [
        *(("mastercard_mac", code) for code in ("03", "04", "08", "21", "40", "41", "42")),
        ("stripe", "do_not_try_again"),
        ("stripe", "previously_declined_do_not_retry"),
        ("paypal", "03_DO_NOT_TRY_AGAIN"),
        ("paypal", "PPRN"),
        ("braintree", "2043"),
    ],
)
def test_advice_that_forbids_another_try(provider: str, code: str) -> None:
    reason = reason_codes.look_up(CODES, code, provider=provider)
    assert reason is not None
    assert reason.decline == "hard"


MEANINGS = {  # scheme and code: category, decline, action, written down from the providers' own pages
    ("stripe", "previously_declined_do_not_retry"): ("hard_decline", "hard", "ask_new_card"),
    ("stripe", "highest_risk_level"): ("fraud_suspicion", "hard", "contact"),
    ("stripe", "elevated_risk_level"): ("fraud_suspicion", "soft", "contact"),
    ("stripe", "rule"): ("fraud_suspicion", "hard", "contact"),
    ("stripe", "blocklist"): ("fraud_suspicion", "hard", "stop"),
    ("stripe", "requested_block_on_incorrect_cvc"): ("expired_or_wrong_card", "soft", "ask_new_card"),
    ("stripe", "requested_block_on_incorrect_zip"): ("expired_or_wrong_card", "soft", "ask_new_card"),
    ("stripe", "low_probability_of_authorization"): ("unknown", "soft", "contact"),
    ("stripe", "partner_insufficient_funds"): ("insufficient_funds", "soft", "retry_later"),
    ("stripe", "partner_generic_decline"): ("unknown", "soft", "contact"),
    ("stripe", "partner_high_risk_customer"): ("fraud_suspicion", "hard", "contact"),
    ("stripe", "confirm_card_data"): ("expired_or_wrong_card", "soft", "ask_new_card"),
    ("braintree", "2000"): ("unknown", "soft", "retry_later"),
    ("braintree", "2001"): ("insufficient_funds", "soft", "retry_later"),
    ("braintree", "2004"): ("expired_or_wrong_card", "hard", "ask_new_card"),
    ("braintree", "2047"): ("hard_decline", "hard", "ask_new_card"),
    ("braintree", "3000"): ("issuer_or_processor", "soft", "retry_later"),
    ("gocardless", "refer_to_payer"): ("insufficient_funds", "soft", "retry_later"),
    ("gocardless", "mandate_cancelled"): ("mandate", "hard", "contact"),
    ("gocardless", "authorisation_disputed"): ("dispute", "hard", "contact"),
    ("gocardless", "payer_deceased"): ("hard_decline", "hard", "stop"),
    ("paypal", "0500"): ("unknown", "soft", "retry_later"),
    ("paypal", "5120"): ("insufficient_funds", "soft", "retry_later"),
    ("paypal", "9520"): ("hard_decline", "hard", "ask_new_card"),
    ("recurly", "temporary_hold"): ("unknown", "soft", "retry_later"),
    ("recurly", "expired_card"): ("expired_or_wrong_card", "hard", "ask_new_card"),
    ("recurly", "cardholder_requested_stop"): ("mandate", "hard", "contact"),
    ("recurly", "fraud_stolen_card"): ("hard_decline", "hard", "ask_new_card"),
}


@pytest.mark.parametrize(("scheme", "code"), MEANINGS)
def test_codes_by_hand(scheme: str, code: str) -> None:
    reason = reason_codes.look_up(CODES, code, provider=f"{scheme}_eu")
    assert reason is not None
    assert (reason.category, reason.decline, reason.action) == MEANINGS[scheme, code]


@pytest.mark.parametrize("code", ["2001", "0500", "refer_to_payer", "temporary_hold"])
def test_a_provider_s_own_codes_count_only_where_it_is_named(code: str) -> None:
    assert reason_codes.look_up(CODES, code, provider="acme") is None
    assert reason_codes.look_up(CODES, "expired_card", provider="acme").decline == "soft"  # type: ignore[union-attr]


def test_a_network_code_passed_on_by_a_provider_keeps_its_meaning() -> None:
    assert reason_codes.look_up(CODES, "R01", "gocardless", "ach_debit").action == "retry_later"  # type: ignore[union-attr]
    assert reason_codes.look_up(CODES, "do_not_honor", "recurly").category == "unknown"  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("code", "provider", "method"),
    [
        ("R01", None, None), ("r09", "ach", None), ("0", None, "bacs_debit"), ("AM04", "whoever", None),
        ("6", "becs", None),        ("901", None, None), ("51", None, None),
        ("insufficient_funds", "stripe", None), ("12", "adyen_eu", "card"),
        ("Not enough balance", "Adyen", None), ("Insufficient Funds", "unheard_of", None),
    ],
)  # fmt: skip
def test_too_little_money_in_every_scheme(code: str, provider: str | None, method: str | None) -> None:
    reason = reason_codes.look_up(CODES, code, provider, method)
    assert reason is not None
    assert (reason.category, reason.decline, reason.action) == ("insufficient_funds", "soft", "retry_later")


def test_a_code_that_means_several_things_has_no_meaning() -> None:
    assert reason_codes.look_up(CODES, "12") is None
    assert reason_codes.look_up(CODES, "12", provider="acme") is None
    assert reason_codes.look_up(CODES, "nobody_knows") is None


def test_own_rows_come_first(tmp_path: Path) -> None:
    path = tmp_path / "codes.csv"
    path.write_text(
        HEADER + "acme,E7,mandate,hard,contact,ours\n*,zz,dispute,hard,stop,\nstripe,lost_card,unknown,soft,contact,x\n"
    )
    codes = reason_codes.read(path, {"psp a": "adyen"})
    assert reason_codes.look_up(codes, "e7", provider="ACME") == reason_codes.CodeMeaning(
        "mandate", "hard", "contact", "ours"
    )
    assert reason_codes.look_up(codes, "zz", provider="any").action == "stop"  # type: ignore[union-attr]
    assert reason_codes.look_up(codes, "lost_card", provider="stripe").category == "unknown"  # type: ignore[union-attr]
    assert reason_codes.look_up(codes, "6", provider="PSP A").action == "ask_new_card"  # type: ignore[union-attr]


def test_unmapped_codes_are_counted_and_get_no_default() -> None:
    rows = pa.table(
        {
            "provider": ["acme", "acme", "acme", "stripe", "stripe", None],
            "reason_code": ["12", "12", "e1", "do_not_honor", None, "e1"],
        }
    )
    assert reason_codes.unmapped(rows, CODES).to_pylist() == [
        {"provider": "acme", "payment_method": None, "reason_code": "12", "rows": 2},
        {"provider": None, "payment_method": None, "reason_code": "e1", "rows": 1},
        {"provider": "acme", "payment_method": None, "reason_code": "e1", "rows": 1},
    ]
    told = reason_codes.annotate(rows, CODES)
    assert told["reason_category"].to_pylist() == [None, None, None, "unknown", None, None]
    assert told["suggested_action"].to_pylist() == [None, None, None, "retry_later", "contact", None]
    assert told["decline"].to_pylist() == [None, None, None, "soft", None, None]


def test_no_rows() -> None:
    none = pa.table({"reason_code": pa.array([], pa.string())})
    assert reason_codes.annotate(none, CODES).num_rows == 0
    assert reason_codes.unmapped(none, CODES).num_rows == 0


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("code,category\n", "found the columns code, category"),
        ("", "found the columns nothing"),
        (HEADER + "a,b,oops,soft,contact,\n", "line 2: found category 'oops', expected one of: insufficient_funds"),
        (HEADER + "a,b,mandate,maybe,contact,\n", "line 2: found decline 'maybe', expected one of: hard, soft"),
        (HEADER + "a,b,mandate,hard\n", "line 2: found action None, expected one of: retry_later"),
    ],
)
def test_a_wrong_file_is_refused_by_line(tmp_path: Path, text: str, said: str) -> None:
    path = tmp_path / "codes.csv"
    path.write_text(text)
    with pytest.raises(UsageError) as refused:
        reason_codes.read(path)
    assert said in str(refused.value)
    assert str(path) in str(refused.value)


def test_a_provider_sent_nowhere_is_refused() -> None:
    with pytest.raises(UsageError, match="sent to scheme 'visa', expected one of: ach, adyen"):
        reason_codes.read(scheme_of={"a": "visa"})
