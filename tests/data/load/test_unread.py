"""A column that says what is paid is never passed over in silence."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from payrec.common.errors import DataRefused
from payrec.data import load
from payrec.data.load.unread import PaidUnknown
from tests.data.load.files import HEADER, lines, order, read, written

UNPAID = order(1, payment_date="")


@pytest.mark.parametrize("column", ["Payment Status", "paid", "Balance Due", "settled_on", "amount_due", "PAID AT"])
def test_a_file_without_a_paid_order_is_refused_while_a_column_speaks_of_payment(tmp_path: Path, column: str) -> None:
    path = written(tmp_path, lines(UNPAID + ",x", header=f"{HEADER},{column}"))
    with pytest.raises(PaidUnknown, match=f'speak of it: "{column}"') as refused:
        read(path)
    assert f'ignore = ["{column}"]' in str(refused.value)
    assert read(path, ignore=[column]).report.loaded == 1, "what the message says is the way on"
    assert read(path, columns={"status": column}, values={"status": {"x": "open"}}).column("status") == ["open"]
    assert read(path, options=load.Options(max_rejected_share=1, none_is_paid=True)).report.loaded == 1


def test_a_file_that_says_who_has_paid_may_have_other_columns_of_payment(tmp_path: Path) -> None:
    for row, header in (
        (order(1, payment_date="2025-03-01") + ",x", f"{HEADER},Payment Status"),
        (UNPAID + ",x,12.00", f"{HEADER},Payment Status,outstanding"),
        (UNPAID + ",card", f"{HEADER},Payment method"),
        (UNPAID + ",net 30", f"{HEADER},Payment terms"),
    ):
        assert read(written(tmp_path, lines(row, header=header))).report.loaded == 1


@given(unread=st.lists(st.sampled_from(["Status", "Paid at", "Balance", "Note", "Region"]), unique=True, min_size=1))
def test_only_columns_that_are_read_or_ignored_pass(
    tmp_path_factory: pytest.TempPathFactory, unread: list[str]
) -> None:
    path = written(
        tmp_path_factory.mktemp("unread"),
        lines(UNPAID + ",x" * len(unread), header=",".join([HEADER, *(f"{name} of it" for name in unread)])),
    )
    speaks = [f"{name} of it" for name in unread if name not in {"Note", "Region"}]
    if speaks:
        with pytest.raises(DataRefused, match="no order is paid as it is read"):
            read(path, ignore=speaks[1:])
    assert read(path, ignore=speaks).report.loaded == 1
