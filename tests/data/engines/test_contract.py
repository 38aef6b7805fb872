"""What every engine promises: the same rows out, all or nothing in, the same key again the same rows."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator
from decimal import Decimal

import pyarrow as pa
import pyarrow.compute as pc
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests import spark_formats

from payrec.common.errors import DataRefused, PayrecError, UsageError
from payrec.data.engines import Engine
from payrec.data.engines.rows import BATCH_ROWS

ALL_TYPES = """
CREATE TABLE kinds (
    id       INTEGER NOT NULL PRIMARY KEY,
    small    SMALLINT,
    big      BIGINT,
    money    DECIMAL(18, 2),
    rate     DECIMAL(18, 8),
    chance   DOUBLE PRECISION,
    yes      BOOLEAN,
    word     VARCHAR(200),
    day      DATE,
    moment   TIMESTAMP
)
"""
KINDS = pa.schema(
    [
        ("id", pa.int32()),
        ("small", pa.int16()),
        ("big", pa.int64()),
        ("money", pa.decimal128(18, 2)),
        ("rate", pa.decimal128(18, 8)),
        ("chance", pa.float64()),
        ("yes", pa.bool_()),
        ("word", pa.string()),
        ("day", pa.date32()),
        ("moment", pa.timestamp("us")),
    ]
)
SAME = {"suppress_health_check": [HealthCheck.function_scoped_fixture], "deadline": None}


def kinds(rows: list[dict[str, object]]) -> pa.Table:
    return pa.Table.from_pylist(rows, schema=KINDS)


def orders(*ids: str, amount: str = "1.00") -> pa.Table:
    return pa.table(
        {
            "order_id": list(ids),
            "customer_id": ["c"] * len(ids),
            "currency": ["EUR"] * len(ids),
            "amount": [Decimal(amount)] * len(ids),
            "invoice_date": [dt.date(2024, 2, 29)] * len(ids),
        }
    )


def order_ids(engine: Engine) -> list[str]:
    return engine.read("SELECT order_id FROM raw_transactions ORDER BY order_id")["order_id"].to_pylist()


class TestValues:
    @pytest.mark.spark
    def test_every_type_at_its_limits_and_null(self, engine: Engine) -> None:
        given_rows = kinds(
            [
                {
                    "id": 1,
                    "small": -(2**15),
                    "big": -(2**63),
                    "money": Decimal("-9999999999999999.99"),
                    "rate": Decimal("0.00000001"),
                    "chance": 0.1 + 0.2,
                    "yes": True,
                    "word": "",
                    "day": dt.date(1, 1, 1),
                    "moment": dt.datetime(1, 1, 1),
                },
                {
                    "id": 2**31 - 1,
                    "small": 2**15 - 1,
                    "big": 2**63 - 1,
                    "money": Decimal("9999999999999999.99"),
                    "rate": Decimal("9999999999.99999999"),
                    "chance": 5e-324,
                    "yes": False,
                    "word": "x" * 200,
                    "day": dt.date(9999, 12, 31),
                    "moment": dt.datetime(9999, 12, 31, 23, 59, 59, 999999),
                },
                {"id": 3},
            ]
        )
        engine.run(ALL_TYPES)
        assert engine.write("kinds", given_rows, ("id",)) == 3
        read = engine.read("SELECT * FROM kinds ORDER BY id")
        expected = spark_formats.kept(KINDS) if engine.name == "spark" else KINDS
        assert read.schema.equals(expected, check_metadata=True)
        assert read.equals(given_rows.cast(expected).sort_by("id"))

    @pytest.mark.spark
    def test_text_of_every_script_sorts_by_its_bytes(self, engine: Engine) -> None:
        words = [
            "b",
            "B",
            "a",
            "Z",
            "ä",
            "z",
            "ß",
            "é",
            "",
            " a",
            "_",
            "-",
            "1",
            "10",
            "2",
            "日本",
            "😀",
            "\ufeffx",
            "ﬀ",
        ]
        table = pa.table({"n": pa.array(range(len(words)), pa.int32()), "word": words})
        engine.map("SELECT 1 AS one", "words", ("n",), lambda _: table.to_batches()[0])
        read = engine.read("SELECT word FROM words ORDER BY word")["word"].to_pylist()
        assert read == sorted(words, key=str.encode)

    def test_no_rows_keep_their_columns(self, engine: Engine) -> None:
        read = engine.read("SELECT order_id, amount, invoice_date FROM raw_transactions")
        assert read.num_rows == 0
        assert read.schema.types == [pa.string(), pa.decimal128(18, 2), pa.date32()]
        assert list(engine.read_batches("SELECT order_id FROM raw_transactions")) == []

    @pytest.mark.parametrize("select", ["SELECT 1 AS a;", "SELECT 1 AS a -- why", " SELECT 1 AS a ;\n", "VALUES (1)"])
    def test_a_select_may_end_as_people_write_it(self, engine: Engine, select: str) -> None:
        assert engine.read(select).num_rows == 1
        assert sum(batch.num_rows for batch in engine.read_batches(select)) == 1

    @pytest.mark.spark
    @pytest.mark.parametrize(
        "column", ["SUM(CAST(1 AS BIGINT))", "SUM(CAST(1 AS DECIMAL(18, 2)))", "CAST('2024-01-01' AS TIMESTAMPTZ)"]
    )
    def test_types_on_which_engines_differ_are_refused(self, engine: Engine, column: str) -> None:
        if engine.name == "spark":  # its sums have a width, and its time with a zone has another name
            column = {"SUM(CAST(1 AS BIGINT))": "SUM(CAST(1 AS DECIMAL(38, 0)))"}.get(column, "ARRAY(1, 2)")
        with pytest.raises(UsageError, match=r"column total has the type .*\nCAST it"):
            engine.read(f"SELECT {column} AS total")


@settings(**SAME, max_examples=25)
@given(
    st.lists(
        st.fixed_dictionaries(
            {
                "small": st.none() | st.integers(-(2**15), 2**15 - 1),
                "big": st.none() | st.integers(-(2**63), 2**63 - 1),
                "money": st.none() | st.decimals(-(10**15), 10**15, places=2, allow_nan=False),
                "rate": st.none() | st.decimals(-(10**9), 10**9, places=8, allow_nan=False),
                "chance": st.none() | st.floats(allow_nan=False),
                "word": st.none() | st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0")),
                "day": st.none() | st.dates(),
                "moment": st.none() | st.datetimes(),
            }
        ),
        max_size=6,
    )
)
def test_what_goes_in_comes_out(engine: Engine, rows: list[dict[str, object]]) -> None:
    if "kinds" not in engine.tables():
        engine.run(ALL_TYPES.replace("VARCHAR(200)", "VARCHAR"))
    engine.run("DELETE FROM kinds")
    table = kinds([{"id": i, **row} for i, row in enumerate(rows)])
    engine.write("kinds", table, ())
    assert engine.read("SELECT * FROM kinds ORDER BY id").equals(table)


@pytest.mark.parametrize(
    "select",
    [
        "SELECT CAST(1 AS SMALLINT) AS a, 2 AS b, CAST(3 AS BIGINT) AS c, COUNT(*) AS d, CAST(SUM(1) AS BIGINT) AS e",
        "SELECT CAST(1.50 AS DECIMAL(18, 2)) AS a, CAST(NULL AS DECIMAL(18, 8)) AS b",
        "SELECT DATE '2024-02-29' AS a, TIMESTAMP '2024-02-29 23:59:59.000001' AS b, NULL AS c, 1 = 1 AS d",
        "SELECT TIMESTAMP '2024-01-31 10:00:00' + INTERVAL '30' DAY AS a",
        "SELECT CAST(EXTRACT(DAY FROM (TIMESTAMP '2024-03-01' - TIMESTAMP '2024-02-01')) AS INTEGER) AS a",
        "SELECT 'x' || CAST(12 AS VARCHAR(5)) AS a, '' AS b, CAST(NULL AS VARCHAR(3)) AS c",
        "SELECT CAST(ROUND(CAST(12.345 AS DECIMAL(18, 3)) * 100) AS BIGINT) AS a",
        "SELECT CAST(1 AS DOUBLE PRECISION) / 3 AS a",
        "SELECT 1 AS a, 2 AS a",
    ],
)
def test_engines_agree_on_types_and_values(open_engine: Callable[[str], Engine], select: str) -> None:
    one, *others = (open_engine(name).read(select) for name in ("duckdb", "postgres", "spark"))
    for other in others:
        assert one.schema.equals(other.schema, check_metadata=True)
        assert one.equals(other)


class TestWriting:
    def test_columns_go_by_name_and_missing_ones_are_null(self, engine: Engine) -> None:
        table = orders("a", "b").select(["invoice_date", "amount", "order_id", "currency", "customer_id"])
        assert engine.write("raw_transactions", table, ("order_id",)) == 2
        (row,) = engine.read("SELECT * FROM raw_transactions WHERE order_id = 'a'").to_pylist()
        assert (row["customer_id"], row["amount"], row["provider"]) == ("c", Decimal("1.00"), None)

    def test_the_same_rows_again_are_the_same_rows(self, engine: Engine) -> None:
        for _ in range(3):
            assert engine.write("raw_transactions", orders("a", "b", "c"), ("order_id",)) == 3
        assert order_ids(engine) == ["a", "b", "c"]

    @pytest.mark.spark
    def test_a_known_key_is_replaced_as_a_whole(self, engine: Engine) -> None:
        first = orders("a", "b").append_column("provider", pa.array(["p", "p"]))
        engine.write("raw_transactions", first, ("order_id",))
        engine.write("raw_transactions", orders("b", "c", amount="2.00"), ("order_id",))
        rows = engine.read("SELECT order_id, amount, provider FROM raw_transactions ORDER BY order_id").to_pylist()
        assert [tuple(row.values()) for row in rows] == [
            ("a", Decimal("1.00"), "p"),
            ("b", Decimal("2.00"), None),
            ("c", Decimal("2.00"), None),
        ]

    def test_a_key_of_two_columns_without_a_constraint(self, engine: Engine) -> None:
        engine.run("CREATE TABLE pairs (a INTEGER, b VARCHAR(5), v INTEGER)")
        for value in (1, 2):
            rows = pa.table({"a": [1, 1, 2], "b": ["x", "y", "x"], "v": [value] * 3})
            engine.write("pairs", rows, ("a", "b"))
        assert engine.read("SELECT a, b, v FROM pairs ORDER BY a, b").to_pylist() == [
            {"a": 1, "b": "x", "v": 2},
            {"a": 1, "b": "y", "v": 2},
            {"a": 2, "b": "x", "v": 2},
        ]

    @pytest.mark.spark
    @pytest.mark.parametrize("filled", [False, True])
    def test_two_rows_with_one_key_are_refused(self, engine: Engine, filled: bool) -> None:
        engine.run("CREATE TABLE plain (id VARCHAR(5), v INTEGER)")
        if filled:
            engine.write("plain", pa.table({"id": ["z"], "v": [0]}), ("id",))
        with pytest.raises(DataRefused, match="no key, or share one: id = a\nexpected one row for each id"):
            engine.write("plain", pa.table({"id": ["a", "b", "a"], "v": [1, 2, 3]}), ("id",))
        with pytest.raises(DataRefused, match="no key, or share one: id = None"):
            engine.write("plain", pa.table({"id": ["a", None], "v": [1, 2]}), ("id",))
        assert engine.read("SELECT * FROM plain").num_rows == int(filled)

    def test_without_a_key_rows_are_added(self, engine: Engine) -> None:
        engine.run("CREATE TABLE plain (v INTEGER)")
        for _ in range(2):
            engine.write("plain", pa.table({"v": [1, 1]}), ())
        assert engine.read("SELECT * FROM plain").num_rows == 4

    def test_no_rows_are_no_rows(self, engine: Engine) -> None:
        assert engine.write("raw_transactions", orders(), ("order_id",)) == 0
        assert engine.write("raw_transactions", iter(()), ("order_id",)) == 0
        assert order_ids(engine) == []

    def test_a_large_rewrite_is_a_rewrite(self, engine: Engine) -> None:
        engine.run("CREATE TABLE many (id INTEGER NOT NULL PRIMARY KEY, v INTEGER)")
        n = BATCH_ROWS + 1
        for value in (1, 2):
            table = pa.table({"id": pa.array(range(n), pa.int32()), "v": pa.array([value] * n, pa.int32())})
            engine.write("many", table, ("id",))
        assert engine.read("SELECT v, COUNT(*) AS n FROM many GROUP BY v").to_pylist() == [{"v": 2, "n": n}]

    @pytest.mark.spark
    @pytest.mark.parametrize("key", [(), ("order_id",)])
    def test_all_or_nothing_when_the_rows_end_in_an_error(self, engine: Engine, key: tuple[str, ...]) -> None:
        engine.write("raw_transactions", orders("old"), ("order_id",))

        def rows() -> Iterator[pa.RecordBatch]:
            for n in range(3):
                big = orders(*[f"{n}-{i}" for i in range(BATCH_ROWS // 2)])
                yield from big.to_batches()
            msg = "the file ends here"
            raise ValueError(msg)

        with pytest.raises(ValueError, match="the file ends here"):
            engine.write("raw_transactions", rows(), key)
        assert order_ids(engine) == ["old"]

    @pytest.mark.spark
    @pytest.mark.parametrize(
        ("change", "reason"),
        [
            ({"currency": [""]}, "currency"),
            ({"currency": [None]}, "currency"),
            ({"amount": ["many"]}, "column amount of table raw_transactions takes DECIMAL"),
            ({"colour": ["red"]}, "no column colour"),
        ],
    )
    def test_rows_that_break_a_rule_are_refused(self, engine: Engine, change: dict[str, list], reason: str) -> None:
        rows = pa.table({**orders("bad").to_pydict(), **change})
        with pytest.raises(DataRefused, match=reason):
            engine.write("raw_transactions", rows, ("order_id",))
        assert order_ids(engine) == []

    def test_a_key_the_table_does_not_have(self, engine: Engine) -> None:
        with pytest.raises(DataRefused, match="raw_transactions has no column nix to be its key"):
            engine.write("raw_transactions", orders("a"), ("nix",))

    def test_a_table_that_is_not_there(self, engine: Engine) -> None:
        with pytest.raises(UsageError, match="nowhere"):
            engine.write("nowhere", orders("a"), ())

    def test_names_that_need_quotes(self, engine: Engine) -> None:
        name = 'Robert"; DROP TABLE raw_events; --'
        engine.run('CREATE TABLE "Robert""; DROP TABLE raw_events; --" ("or der" INTEGER, "select" VARCHAR(5))')
        engine.write(name, pa.table({"or der": [1], "select": ["x"]}), ("or der",))
        engine.write(name, pa.table({"or der": [1], "select": ["y"]}), ("or der",))
        assert engine.read('SELECT * FROM "Robert""; DROP TABLE raw_events; --"').to_pylist() == [
            {"or der": 1, "select": "y"}
        ]
        assert {name, "raw_events"} <= engine.tables()


NUMBERS = {
    "duckdb": "SELECT CAST(i AS INTEGER) AS i, 'text ' || i AS word FROM range({n}) AS r(i)",
    "postgres": "SELECT i, 'text ' || i AS word FROM generate_series(0, {n} - 1) AS r(i)",
    "cluster": "SELECT CAST(id AS INTEGER) AS i, 'text ' || id AS word FROM range({n})",
    "spark": "SELECT CAST(id AS INTEGER) AS i, 'text ' || id AS word FROM range({n})",
}


def numbers(engine: Engine, n: int) -> str:
    return NUMBERS[engine.name].format(n=n)


class TestStreaming:
    @pytest.mark.parametrize("inside", [False, True])
    def test_batches_are_bounded_and_whole(self, engine: Engine, inside: bool) -> None:
        n = 2 * BATCH_ROWS + 7
        if inside:
            with engine.transaction():
                batches = list(engine.read_batches(numbers(engine, n)))
        else:
            batches = list(engine.read_batches(numbers(engine, n)))
        assert max(batch.num_rows for batch in batches) <= BATCH_ROWS
        assert len(batches) >= 3
        assert sorted(v for batch in batches for v in batch["i"].to_pylist()) == list(range(n))

    @pytest.mark.spark
    @pytest.mark.parametrize("n", [0, 5, BATCH_ROWS + 7])
    def test_a_function_goes_to_the_rows(self, engine: Engine, n: int) -> None:
        def evens_doubled(batch: pa.RecordBatch) -> pa.RecordBatch:
            i = batch["i"]
            kept = pa.record_batch({"twice": pc.multiply(i, 2), "text": pc.cast(i, pa.string())})
            return kept.filter(pc.equal(pc.bit_wise_and(i, 1), 0))

        batches = list(engine.read_batches(f"SELECT i FROM ({numbers(engine, n)}) AS many ORDER BY i", evens_doubled))
        assert [v for batch in batches for v in batch["twice"].to_pylist()] == list(range(0, 2 * n, 4))
        assert all(batch.schema.names == ["twice", "text"] for batch in batches)

    @pytest.mark.spark
    def test_a_function_that_fails_over_the_rows_says_why(self, engine: Engine) -> None:
        def fails(batch: pa.RecordBatch) -> pa.RecordBatch:
            if batch.num_rows:
                raise DataRefused("found a row that cannot be")
            return batch

        with pytest.raises(DataRefused, match=r"^found a row that cannot be$"):
            list(engine.read_batches(numbers(engine, 3), fails))

    @pytest.mark.spark
    def test_a_stream_left_in_the_middle_blocks_nothing(self, engine: Engine) -> None:
        for _ in range(3):
            stream = engine.read_batches(numbers(engine, 3 * BATCH_ROWS))
            next(stream)
            engine.write("raw_transactions", orders("a"), ("order_id",))
            del stream
        assert order_ids(engine) == ["a"]

    @pytest.mark.parametrize("inside", [False, True])
    def test_reading_feeds_writing(self, engine: Engine, inside: bool) -> None:
        engine.run("CREATE TABLE copies (i INTEGER, word VARCHAR(20))")
        n = 2 * BATCH_ROWS + 7
        if inside:
            with engine.transaction():
                engine.write("copies", engine.read_batches(numbers(engine, n)), ("i",))
        else:
            engine.write("copies", engine.read_batches(numbers(engine, n)), ("i",))
        assert engine.read("SELECT COUNT(*) AS n FROM copies").to_pylist() == [{"n": n}]

    def test_an_error_in_the_middle_of_a_stream_is_said(self, engine: Engine) -> None:
        source = numbers(engine, 300_000)
        with pytest.raises(PayrecError):
            list(engine.read_batches(f"SELECT CAST(word AS INTEGER) AS x FROM ({source}) AS s"))
        assert engine.read("SELECT 1 AS one").num_rows == 1


class TestMap:
    @staticmethod
    def doubled(batch: pa.RecordBatch) -> pa.RecordBatch:
        ids = batch["order_id"]
        return pa.record_batch(
            {
                "order_id": ids,
                "double": pa.array([2.0] * len(ids)),
                "at": pa.array([dt.datetime(2024, 1, 1)] * len(ids)),
            }
        )

    @pytest.mark.spark
    def test_makes_its_table_and_fills_it_once(self, engine: Engine) -> None:
        engine.write("raw_transactions", orders("a", "b"), ("order_id",))
        for _ in range(2):
            assert engine.map("SELECT order_id FROM raw_transactions", "made", ("order_id",), self.doubled) == 2
        read = engine.read("SELECT * FROM made ORDER BY order_id")
        assert read.schema.types == [pa.string(), pa.float64(), pa.timestamp("us")]
        assert read["order_id"].to_pylist() == ["a", "b"]

    def test_no_rows_still_make_the_table(self, engine: Engine) -> None:
        assert engine.map("SELECT order_id FROM raw_transactions;", "made", ("order_id",), self.doubled) == 0
        assert engine.read("SELECT * FROM made").num_rows == 0
        called: list[int] = []
        assert engine.map("SELECT order_id FROM raw_transactions", "made", ("order_id",), called.append) == 0
        assert called == []

    @pytest.mark.spark
    def test_all_or_nothing_when_the_function_fails_late(self, engine: Engine) -> None:
        engine.write("raw_transactions", orders(*map(str, range(BATCH_ROWS + 10))), ("order_id",))

        def failing(batch: pa.RecordBatch) -> pa.RecordBatch:
            if batch.num_rows < BATCH_ROWS:
                msg = "bad luck"
                raise ArithmeticError(msg)
            return batch

        with pytest.raises(ArithmeticError, match="bad luck"):
            engine.map("SELECT order_id FROM raw_transactions", "made", ("order_id",), failing)
        assert "made" not in engine.tables()
        assert (
            engine.map("SELECT order_id FROM raw_transactions", "made", ("order_id",), lambda b: b) == BATCH_ROWS + 10
        )

    def test_sees_what_its_transaction_wrote(self, engine: Engine) -> None:
        with engine.transaction():
            engine.write("raw_transactions", orders("a"), ("order_id",))
            assert engine.map("SELECT order_id FROM raw_transactions", "made", ("order_id",), self.doubled) == 1
        assert engine.read("SELECT * FROM made").num_rows == 1


class TestTransactions:
    def test_reading_inside_sees_what_was_written_inside(self, engine: Engine) -> None:
        with engine.transaction():
            engine.write("raw_transactions", orders("a"), ("order_id",))
            engine.run("CREATE TABLE inside AS SELECT order_id FROM raw_transactions")
            assert order_ids(engine) == ["a"]
            assert "inside" in engine.tables()
            assert [b.num_rows for b in engine.read_batches("SELECT * FROM inside")] == [1]

    def test_an_error_undoes_everything(self, engine: Engine) -> None:
        def work() -> None:
            with engine.transaction():
                engine.write("raw_transactions", orders("a"), ("order_id",))
                engine.run("CREATE TABLE inside (x INTEGER)")
                engine.view("looking", "SELECT order_id FROM raw_transactions")
                raise KeyError

        with pytest.raises(KeyError):
            work()
        assert order_ids(engine) == []
        assert not {"inside", "looking"} & engine.tables()

    @pytest.mark.spark
    def test_the_outermost_decides(self, engine: Engine) -> None:
        def work() -> None:
            with engine.transaction():
                with engine.transaction():
                    engine.write("raw_transactions", orders("a"), ("order_id",))
                raise KeyError

        with pytest.raises(KeyError):
            work()
        assert order_ids(engine) == []
        with engine.transaction():
            with engine.transaction():
                engine.write("raw_transactions", orders("a"), ("order_id",))
            engine.write("raw_transactions", orders("b"), ("order_id",))
        assert order_ids(engine) == ["a", "b"]

    @pytest.mark.spark
    def test_an_inner_error_that_is_caught_undoes_nothing_by_itself(self, engine: Engine) -> None:
        def inner() -> None:
            with engine.transaction():
                engine.write("raw_transactions", orders("b"), ("order_id",))
                raise KeyError

        with engine.transaction():
            engine.write("raw_transactions", orders("a"), ("order_id",))
            with pytest.raises(KeyError):
                inner()
        assert order_ids(engine) == ["a", "b"]

    @pytest.mark.spark
    def test_a_failed_statement_that_is_passed_over_keeps_nothing_and_says_so(self, engine: Engine) -> None:
        def work() -> None:
            with engine.transaction():
                engine.write("raw_transactions", orders("a"), ("order_id",))
                with pytest.raises(UsageError):
                    engine.run("SELECT * FROM nowhere")

        with pytest.raises(PayrecError, match="passed over"):
            work()
        assert order_ids(engine) == []
        engine.write("raw_transactions", orders("b"), ("order_id",))
        assert order_ids(engine) == ["b"]

    def test_several_statements_are_one_transaction(self, engine: Engine) -> None:
        with pytest.raises(PayrecError):
            engine.run("CREATE TABLE first (x INTEGER); INSERT INTO first VALUES (1); INSERT INTO nowhere VALUES (1);")
        assert "first" not in engine.tables()

    def test_transactions_follow_each_other(self, engine: Engine) -> None:
        for n in range(3):
            with engine.transaction():
                engine.write("raw_transactions", orders(str(n)), ("order_id",))
        assert order_ids(engine) == ["0", "1", "2"]


class TestStatements:
    @pytest.mark.parametrize("sql", ["", "  \n", "-- only a remark\n", ";", "SELECT 1;", "SELECT 1; SELECT 2;"])
    def test_nothing_much(self, engine: Engine, sql: str) -> None:
        engine.run(sql)
        with engine.transaction():
            engine.run(sql)
            assert engine.read("SELECT 1 AS one").num_rows == 1

    @pytest.mark.spark
    def test_a_wrong_statement_is_named_in_a_few_lines(self, engine: Engine) -> None:
        with pytest.raises(UsageError, match="nowhere") as caught:
            engine.run("SELECT order_id\nFROM nowhere")
        assert len(str(caught.value).splitlines()) <= 3
        with pytest.raises(UsageError, match="selec"):
            engine.run("selec 1")

    @pytest.mark.spark
    def test_views_are_made_and_replaced(self, engine: Engine) -> None:
        engine.write("raw_transactions", orders("a"), ("order_id",))
        engine.view("looking", "SELECT order_id, amount FROM raw_transactions;")
        engine.view("further", "SELECT order_id FROM looking")
        assert {"looking", "further"} <= engine.tables()
        engine.view("looking", "SELECT amount, order_id, 1 AS one FROM raw_transactions -- other columns")
        assert engine.read("SELECT * FROM looking").schema.names == ["amount", "order_id", "one"]
        engine.view("further", "SELECT order_id FROM looking")
        assert engine.read("SELECT * FROM further").to_pylist() == [{"order_id": "a"}]

    @pytest.mark.spark
    def test_tables_are_ours_only(self, engine: Engine) -> None:
        with engine.transaction():
            engine.run("CREATE TEMP TABLE passing (x INTEGER)")
            found = engine.tables()
        assert {"raw_transactions", "raw_events", "fx_rates", "as_of_dates"} <= found
        assert not {name for name in found if name.startswith(("pg_", "duckdb_", "sql_", "passing"))}

    @pytest.mark.spark
    def test_a_fingerprint_is_of_the_rows(self, engine: Engine) -> None:
        empty = engine.fingerprint("raw_transactions")
        engine.write("raw_transactions", orders("a", "b"), ("order_id",))
        full = engine.fingerprint("raw_transactions")
        engine.run("DELETE FROM raw_transactions")
        engine.write("raw_transactions", orders("b", "a"), ("order_id",))
        assert engine.fingerprint("raw_transactions") == full != empty
        engine.run("UPDATE raw_transactions SET amount = 1.01 WHERE order_id = 'b'")
        assert engine.fingerprint("raw_transactions") != full
