"""Files that are handed in: recognised, bounded, told apart from what is none."""

from __future__ import annotations

import gzip
import io
from pathlib import Path

import pytest

from payrec.app import upload, upload_score
from payrec.common.errors import DataRefused
from payrec.data import load

ORIGINAL = (
    "order_id,customer_id,provider,payment_method,currency,amount,amount_bucket,country,device,transaction_type,"
    "result_status,reason_code,invoice_date,payment_date,chargeback_flag,retries,days_since_invoice,"
    "days_since_last_event,prev_success_cnt,prev_total_cnt,customer_prior_success_rate,label_recovered_30d"
)
ROW = "o1,c1,alder,card,EUR,12.50,,DE,web,subscription,failed,,2026-06-20,,0,1,9,3,1,2,0.5,0"


def take(content: bytes, folder: Path, name: str = "open.csv") -> upload.Upload:
    return upload.take(io.BytesIO(content), name, folder)


@pytest.mark.parametrize(
    ("header", "kind"),
    [
        (ORIGINAL, "features"),
        ("order_id,as_of,customer_id,age_days,amount,currency", "features"),
        ("order_id;customer_id;amount;currency;invoice_date;payment_date", "transactions"),
        ("Order_ID\tCustomer_ID\tAmount\tCurrency\tInvoice_Date\tPayment_Date", "transactions"),
        ("invoice,client,total,date", "unknown"),
    ],
)
def test_a_file_is_recognised_by_its_columns(tmp_path: Path, header: str, kind: str) -> None:
    sign = next(sign for sign in ",;\t" if sign in header)
    row = sign.join("1" for _ in header.split(sign))
    assert take(f"{header}\n{row}\n".encode(), tmp_path).kind == kind


def test_a_header_without_rows_is_refused(tmp_path: Path) -> None:
    for content in (ORIGINAL, f"{ORIGINAL}\r\n", "invoice;client\n"):
        with pytest.raises(DataRefused, match="has one line, expected column names and rows"):
            take(content.encode(), tmp_path)


def test_a_gzipped_file_is_known_by_its_content(tmp_path: Path) -> None:
    taken = take(gzip.compress(f"{ORIGINAL}\n{ROW}\n".encode()), tmp_path, "open.csv.gz")
    assert taken.kind == "features"


def test_a_gzip_bomb_is_refused_early(tmp_path: Path) -> None:
    packed = gzip.compress(b"order_id,x\n" + b"0,0\n" * 40_000_000)
    with pytest.raises(DataRefused, match=r"gzip bomb|more than 1,000,000 lines"):
        take(packed, tmp_path, "bomb.csv.gz")
    assert sum(path.stat().st_size for path in tmp_path.iterdir()) < 20_000_000


def test_too_many_rows_or_columns_are_pointed_to_the_command_line(tmp_path: Path) -> None:
    with pytest.raises(DataRefused, match="command line"):
        take(b"order_id,amount\n" + b"1,2\n" * (upload.MAX_ROWS + 10), tmp_path)
    with pytest.raises(DataRefused, match="columns"):
        take((",".join(f"c{at}" for at in range(600)) + "\n1\n").encode(), tmp_path)


def test_a_name_cannot_lead_out_of_the_folder(tmp_path: Path) -> None:
    taken = take(f"{ORIGINAL}\n{ROW}\n".encode(), tmp_path / "own", "../../evil\u202e.csv")
    assert taken.path.parent == tmp_path / "own"
    assert list(tmp_path.iterdir()) == [tmp_path / "own"]


def test_columns_are_proposed_by_known_names_and_never_by_likeness() -> None:
    wanted = ("order_id", "customer_id", "amount", "payment_date", "invoice_date")
    header = ("Invoice", "Client", "Total", "Paid At (UTC)", "Date (UTC)")
    assert [upload_score.guess(column, header) for column in wanted] == list(header)
    assert [upload_score.guess(column, ("ordr_id", "payment dates")) for column in wanted] == [None] * 5


def test_another_encoding_is_a_problem_that_a_field_solves(tmp_path: Path) -> None:
    content = "order_id,customer_id,amount,currency,invoice_date,payment_date\no1,Müller,5.00,EUR,2026-06-20,\n"
    taken = take(content.encode("cp1252"), tmp_path)
    assert taken.problem is not None
    again = upload.read(taken, upload.Reading(encoding="cp1252"))
    assert (again.problem, again.kind) == (None, "transactions")


def test_files_of_one_export_belong_together_and_others_do_not(tmp_path: Path) -> None:
    files = [(io.BytesIO(b"order_id,x\no1,1\n"), "a.csv"), (io.BytesIO(b"order_id,y\no1,1\n"), "b.csv")]
    with pytest.raises(DataRefused, match="several kinds"):
        upload.take_all(files, tmp_path)


def test_what_was_chosen_by_hand_makes_a_map() -> None:
    chosen = {"order_id": "Nr", "payment_date": upload_score.EMPTY, "currency": upload_score.CONSTANT, "country": None}
    made = upload_score.mapped(chosen, "EUR", "%d.%m.%Y", ",")
    assert isinstance(made, load.Mapping)
    assert dict(made.columns) == {"order_id": ("Nr",)}
    assert dict(made.constants) == {"payment_date": "", "currency": "EUR"}
    assert (made.decimal, made.thousands, made.date_format) == (",", ".", "%d.%m.%Y")
