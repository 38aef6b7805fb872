"""The table of features, and the matrix made from it."""

from __future__ import annotations

from datetime import datetime

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rows import feature_rows

from payrec.common.errors import DataRefused
from payrec.model.features.declarations import CATEGORIES, FEATURES, GROUPS, NEEDED, NUMBERS, schema_hash
from payrec.model.features.matrix import Matrix, learn, matrix
from payrec.model.features.vocabulary import FIRST_LEVEL, OTHER, UNKNOWN, Shrinkage, Vocabulary

ROWS = feature_rows(400, seed=1)
VOCABULARY = learn(feature_rows(3000, seed=2))


def equal(left: Matrix, right: Matrix) -> bool:
    return np.array_equal(left.numbers, right.numbers, equal_nan=True) and np.array_equal(left.codes, right.codes)


def one(name: str, vocabulary: Vocabulary = VOCABULARY, **columns: object) -> float:
    """Value of one feature for a row of the given columns, all others missing."""
    row = pa.table({key: [value] for key, value in columns.items()})
    found = matrix(row, vocabulary)
    names = [feature.name for feature in NUMBERS]
    if name in names:
        return float(found.numbers[0, names.index(name)])
    return int(found.codes[0, [feature.name for feature in CATEGORIES].index(name)])


def test_every_feature_is_declared_whole() -> None:
    assert len({feature.name for feature in FEATURES}) == len(FEATURES)
    for feature in FEATURES:
        assert feature.meaning
        assert feature.unit
        assert feature.needs
        assert feature.group in GROUPS
        assert (feature.number is not None) == (feature.kind == "number")
        assert set(feature.needs) <= set(ROWS.schema.names)
        if feature.kind == "category":
            assert feature.code is not None or not feature.levels
    assert {feature.group for feature in FEATURES} == set(GROUPS)


def test_no_feature_is_made_from_the_label_or_an_order_and_one_from_the_customer() -> None:
    assert not set(NEEDED) & {"label_recovered_30d", "order_id"}
    assert [feature.name for feature in FEATURES if "customer_id" in feature.needs] == ["customer"]  # a hash of it


def test_schema_hash_follows_the_declarations() -> None:
    assert schema_hash() == schema_hash()
    assert len(schema_hash()) == 16


@settings(deadline=None, max_examples=20)
@given(st.permutations(range(40)))
def test_a_row_keeps_its_features_in_any_order(order: list[int]) -> None:
    some = ROWS.slice(0, 40)
    assert equal(matrix(some.take(order), VOCABULARY), matrix(some, VOCABULARY).take(np.array(order)))


@settings(deadline=None, max_examples=20)
@given(st.integers(1, 399))
def test_a_row_keeps_its_features_in_any_batch(cut: int) -> None:
    whole = matrix(ROWS, VOCABULARY)
    parts = [matrix(ROWS.slice(0, cut), VOCABULARY), matrix(ROWS.slice(cut), VOCABULARY)]
    assert np.array_equal(np.vstack([part.numbers for part in parts]), whole.numbers, equal_nan=True)
    assert np.array_equal(np.vstack([part.codes for part in parts]), whole.codes)


def test_table_and_record_batch_give_the_same() -> None:
    assert equal(matrix(ROWS, VOCABULARY), matrix(ROWS.combine_chunks().to_batches()[0], VOCABULARY))


def test_dictionary_columns_give_the_same() -> None:
    coded = ROWS.set_column(ROWS.schema.get_field_index("provider"), "provider", ROWS["provider"].dictionary_encode())
    assert equal(matrix(coded, VOCABULARY), matrix(ROWS, VOCABULARY))


def test_missing_columns_are_as_null_columns() -> None:
    for feature in FEATURES:
        for column in feature.needs:
            at = ROWS.schema.get_field_index(column)
            null = ROWS.set_column(at, column, pa.nulls(ROWS.num_rows, ROWS.schema.field(at).type))
            assert equal(matrix(null, VOCABULARY), matrix(ROWS.remove_column(at), VOCABULARY)), column


def test_rows_without_any_column_are_unknown() -> None:
    found = matrix(pa.table({"order_id": ["a", "b"]}), VOCABULARY)
    assert np.isnan(found.numbers).all()
    promise = [feature.name for feature in CATEGORIES].index("promise")
    assert (np.delete(found.codes, promise, axis=1) == UNKNOWN).all()
    assert (found.codes[:, promise] == 2).all()  # NULL is how the view says that nothing is promised


def test_no_rows() -> None:
    found = matrix(ROWS.slice(0, 0), VOCABULARY)
    assert found.numbers.shape == (0, len(NUMBERS))
    assert found.codes.shape == (0, len(CATEGORIES))


def test_text_codes() -> None:
    assert one("provider", provider="adyen") == 2 + VOCABULARY.levels["provider"].index("adyen")
    assert one("provider", provider="never seen") == OTHER
    assert one("provider", provider=None) == UNKNOWN


def test_rare_levels_are_other() -> None:
    rows = pa.table({"provider": ["a"] * 40 + ["b"] * 29 + ["c"] * 30})
    assert learn(rows).levels["provider"] == ("a", "c")


def test_calendar() -> None:
    leap_day = datetime(2024, 2, 29)
    assert one("weekday", as_of=leap_day) == 2 + 3  # a Thursday
    assert one("day_of_month", as_of=leap_day) == 2 + 28
    assert one("weekday", as_of=datetime(1969, 12, 31)) == 2 + 2  # a Wednesday, before 1970
    assert one("day_of_month", as_of=datetime(1969, 12, 31)) == 2 + 30


def test_a_row_without_as_of_leaves_the_others_alone() -> None:
    rows = pa.table({"as_of": pa.array([datetime(2024, 2, 29), None], pa.timestamp("us"))})
    at = [feature.name for feature in CATEGORIES].index("day_of_month")
    assert matrix(rows, VOCABULARY).codes[:, at].tolist() == [30, UNKNOWN]


def test_shrunk_rate_by_hand() -> None:
    vocabulary = Vocabulary(shrinkage={"cust_recovered_rate": Shrinkage(0.25, 4.0)})
    assert one("cust_recovered_rate", vocabulary, cust_recovered=2, cust_failures=2) == pytest.approx((2 + 1) / (2 + 4))
    assert one("cust_recovered_rate", vocabulary, cust_recovered=0, cust_failures=0) == 0.25
    assert np.isnan(one("cust_recovered_rate", vocabulary, cust_recovered=None, cust_failures=0))


def test_new_customer_gets_the_rate_of_provider_and_reason() -> None:
    levels = {"provider": ("p",), "reason_code": ("r",)}
    means = tuple(float(at) / 10 for at in range(9))
    vocabulary = Vocabulary(levels, shrinkage={"cust_in_time_rate": Shrinkage(0.4, 5.0)}, segment_means=means)
    new = {"cust_decided": 0, "cust_recovered_in_time": 0}
    assert one("cust_in_time_rate", vocabulary, provider="p", reason_code="r", **new) == pytest.approx(0.8)
    assert one("cust_in_time_rate", vocabulary, provider=None, reason_code=None, **new) == pytest.approx(0.0)


def test_percent_of_typical_by_hand() -> None:
    vocabulary = Vocabulary({"currency": ("EUR", "JPY")}, {"EUR": 5000.0, "JPY": 400000.0}, 8000.0)
    assert one("outstanding_relative", vocabulary, outstanding_minor=10_000, currency="EUR") == pytest.approx(200)
    assert one("outstanding_relative", vocabulary, outstanding_minor=10_000, currency="JPY") == pytest.approx(2.5)
    assert one("outstanding_relative", vocabulary, outstanding_minor=10_000, currency="XXX") == pytest.approx(125)


def test_promise_is_live_until_its_date() -> None:
    now = datetime(2025, 3, 1)
    assert one("promise", as_of=now, promised_until=datetime(2025, 3, 8)) == 3
    assert one("promise", as_of=now, promised_until=datetime(2025, 3, 9)) == 4
    assert one("promise", as_of=now, promised_until=datetime(2025, 2, 1)) == 2


def test_text_where_numbers_belong_is_refused() -> None:
    with pytest.raises(DataRefused, match="age_days"):
        matrix(pa.table({"age_days": ["young"]}), VOCABULARY)
    with pytest.raises(DataRefused, match="as_of"):
        matrix(pa.table({"as_of": ["yesterday"]}), VOCABULARY)


def test_numbers_and_times_as_text_are_read() -> None:
    assert one("age_days", age_days="14") == 14
    assert one("weekday", as_of="2024-02-29 00:00:00") == 5


def test_vocabulary_does_not_depend_on_labels() -> None:
    rows = feature_rows(800, seed=3)
    flipped = rows.set_column(
        rows.schema.get_field_index("label_recovered_30d"), "label_recovered_30d", pa.array([1] * 800, pa.int16())
    )
    assert learn(rows) == learn(flipped)


def test_a_customer_with_twenty_orders_is_a_level_and_the_bundle_holds_its_hash_alone() -> None:
    def of(customer: str, orders: int, looks: int) -> list[dict[str, str]]:
        return [{"customer_id": customer, "order_id": f"{customer}{n}"} for n in range(orders)] * looks

    rows = pa.Table.from_pylist([*of("alice", 20, 1), *of("bob", 19, 9), {"customer_id": None, "order_id": "x"}])
    vocabulary = learn(rows)
    assert len(vocabulary.levels["customer"]) == 1
    assert "alice" not in str(vocabulary.levels)
    codes = matrix(rows, vocabulary).codes[:, [feature.name for feature in CATEGORIES].index("customer")]
    assert set(codes[:20]) == {FIRST_LEVEL}
    assert set(codes[20:-1]) == {OTHER}
    assert codes[-1] == UNKNOWN


@pytest.mark.parametrize(("years", "expected"), [(2, {UNKNOWN}), (3, {FIRST_LEVEL, FIRST_LEVEL + 6})])
def test_the_month_is_known_where_training_spans_three_years(years: int, expected: set[int]) -> None:
    rows = pa.table({"as_of": [datetime(2020, 1, 31), datetime(2021, 7, 1), datetime(2020 + years, 1, 31)]})
    codes = matrix(rows, learn(rows)).codes
    assert set(codes[:, [feature.name for feature in CATEGORIES].index("month")]) == expected
