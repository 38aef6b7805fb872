"""The simulated portfolio: the same seed gives the same bytes, and the truth is true."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import date, datetime, timedelta
from importlib.resources import files
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pyarrow import csv
from sklearn.metrics import roc_auc_score

from payrec.common.errors import UsageError
from payrec.data import layers
from payrec.data.engines import Engine
from payrec.simulate import hazard as hz
from payrec.simulate import simulator
from payrec.simulate.customer_behaviour import Behaviour
from payrec.simulate.truth import HORIZON_DAYS, LANDMARK_DAYS
from payrec.simulate.world import EVENT_TYPES, PAYDAYS, POLICIES, RETRY_LIFTS

DATA = Path(__file__).parents[2] / "data"
END = pd.Timestamp(simulator.DEFAULT_END)
MONEY_IN, MONEY_BACK = ("payment", "credit"), ("refund", "chargeback")


@pytest.fixture(scope="module")
def portfolio() -> simulator.Portfolio:
    return simulator.portfolio(30_000, seed=5)


@pytest.fixture(scope="module")
def transactions(portfolio: simulator.Portfolio) -> pd.DataFrame:
    return portfolio.transactions.to_pandas().set_index("order_id", drop=False)


@pytest.fixture(scope="module")
def events(portfolio: simulator.Portfolio) -> pd.DataFrame:
    rows = portfolio.events.to_pandas()
    rows["minor"] = rows["amount"].map(lambda amount: 0 if amount is None else int(amount * 100))
    return rows


@pytest.fixture(scope="module")
def truth(portfolio: simulator.Portfolio) -> pd.DataFrame:
    return portfolio.truth.to_pandas()


def failed_orders(truth: pd.DataFrame) -> pd.Index:
    return pd.Index(truth["order_id"].unique())


# --- the maths ----------------------------------------------------------------------------------------------------


def hazards(seed: int, n: int = 40) -> tuple[hz.Cells, np.ndarray, hz.Hazard, np.ndarray]:
    rng = np.random.default_rng(seed)
    cells = hz.Cells(
        payday=rng.integers(0, len(PAYDAYS), n),
        reason_kind=rng.integers(0, len(RETRY_LIFTS), n),
        policy=rng.integers(0, len(POLICIES), n),
        day=rng.integers(0, 60, n),
    )
    lifts = hz.payday_lifts(np.datetime64("2024-01-15"), 60 + hz.LAST_DAY + 1)
    table, row = hz.cumulative_table(cells, lifts)
    tau = rng.normal(0.4, 0.5, n)
    contact_day = np.where(rng.random(n) < 0.5, rng.integers(1, 30, n), hz.LAST_DAY)
    return cells, lifts, hz.Hazard(table, row, np.exp(rng.normal(-2.5, 1.2, n)), np.exp(tau), contact_day), tau


def test_probability_equals_a_walk_through_the_days() -> None:
    cells, lifts, hazard, tau = hazards(seed=1)
    for open_at, by in ((0, 30), (3, 10), (14, 44), (60, 150)):
        fast = hz.probability(hazard, open_at, by)
        for i in range(len(fast)):
            still_open = 1.0
            for d in range(open_at + 1, by + 1):
                retried = d in POLICIES[cells.policy[i]]
                log_g = -0.75 * np.log(1 + d) + RETRY_LIFTS[cells.reason_kind[i]] * retried
                log_g += lifts[cells.payday[i], cells.day[i] + d]
                after_contact = d > hazard.contact_day[i]
                intensity = hazard.scale[i] * np.exp(log_g) * np.exp(tau[i] * after_contact)
                still_open *= 1 - (1 - np.exp(-intensity))
            assert fast[i] == pytest.approx(1 - still_open, rel=1e-9, abs=1e-12)


def test_contact_effect_equals_the_difference_of_two_walks() -> None:
    _, _, hazard, tau = hazards(seed=2)
    never = np.full_like(hazard.contact_day, hz.LAST_DAY)
    for age in (0, 7, 45):
        contacted = hz.probability(replace(hazard, contact_day=np.full_like(never, age)), age, age + 30)
        left_alone = hz.probability(replace(hazard, contact_day=never), age, age + 30)
        assert hz.contact_effect(hazard, tau, age, age + 30) == pytest.approx(contacted - left_alone, abs=1e-12)


@given(seed=st.integers(0, 10_000))
@settings(max_examples=25, deadline=None)
def test_sampling_finds_the_first_day_that_reaches_the_threshold(seed: int) -> None:
    hazard = hazards(seed, n=12)[2]
    threshold = np.random.default_rng(seed).exponential(size=12)
    message = hz.sample(hazard, threshold)
    paths = np.stack([hz.cumulative(hazard, day) for day in range(hz.LAST_DAY + 1)])
    assert (np.diff(paths, axis=0) >= 0).all()
    for i, day in enumerate(message):
        reached = np.flatnonzero(paths[:, i] >= threshold[i])
        assert day == (reached[0] if len(reached) else hz.NEVER_DAY)


def test_paydays_fall_on_their_days() -> None:
    lifts = hz.payday_lifts(np.datetime64("2024-03-01"), 31)  # 29 March 2024 is the last working day, a Friday
    day = {name: lifts[number] for number, name in enumerate(PAYDAYS)}
    assert day["business_month_end"][28] == pytest.approx(hz.PAYDAY_LIFT)
    assert day["first_and_last"][30] == pytest.approx(hz.PAYDAY_LIFT + hz.WEEKEND_LIFTS[1])  # a Sunday
    assert day["first_and_last"][0] == pytest.approx(
        hz.PAYDAY_LIFT + hz.PAYDAY_AFTER_LIFT
    )  # 29 February the day before
    assert day["payday_25"][24] == pytest.approx(hz.PAYDAY_LIFT)
    assert day["payday_25"][25] == pytest.approx(hz.PAYDAY_AFTER_LIFT)
    assert day["friday"][7] == pytest.approx(hz.PAYDAY_LIFT)


# --- the truth ----------------------------------------------------------------------------------------------------


def test_mean_recovery_of_failed_orders_is_as_wanted(truth: pd.DataFrame) -> None:
    fresh = truth.drop_duplicates("order_id")  # the first time at which an order is open: its failure
    assert fresh["p_recover_30d"].mean() == pytest.approx(0.40, abs=1e-6)
    assert (fresh["recovered_after_days"] <= 30).mean() == pytest.approx(0.40, abs=0.02)


@pytest.mark.parametrize("days", HORIZON_DAYS)
def test_truth_is_calibrated_in_every_tenth_and_at_every_age(truth: pd.DataFrame, days: int) -> None:
    p = truth[f"p_recover_{days}d"].astype(float)
    happened = (truth["recovered_after_days"] <= days).astype(float)
    tenths = pd.qcut(p, 10, labels=False)
    for age in (0, 7, 30, 60):
        for tenth in range(10):
            chosen = (truth["age_days"] == age) & (tenths == tenth)
            spread = np.sqrt((p * (1 - p))[chosen].sum())
            assert abs(happened[chosen].sum() - p[chosen].sum()) <= 4.5 * spread + 1


def test_truth_ranks_as_well_as_the_reference(truth: pd.DataFrame) -> None:
    fresh = truth[truth["age_days"] == 0]
    auc = roc_auc_score(fresh["recovered_after_days"] <= 30, fresh["p_recover_30d"])
    assert 0.82 < auc < 0.86


def test_contacts_help_on_average_and_harm_some(truth: pd.DataFrame) -> None:
    effect = truth[truth["age_days"] == 0]["contact_effect_30d"]
    assert 0.06 < effect.mean() < 0.11
    assert 0.15 < (effect < 0).mean() < 0.35
    assert truth["contact_effect_30d"].isna().any()


def test_truth_is_there_at_landmarks_and_at_the_end(truth: pd.DataFrame) -> None:
    assert not truth.duplicated(["order_id", "as_of"]).any()
    assert truth["as_of"].max() == END
    first = truth.groupby("order_id")["as_of"].transform("min")
    other = truth[~truth["age_days"].isin(LANDMARK_DAYS) & (truth["as_of"] > first)]
    assert len(other) > 0
    assert (other["as_of"] == END).all()


def test_truth_and_the_feature_view_speak_of_the_same(engine: Engine) -> None:
    """Same snapshots, ages and labels, but for orders that a credit, a write-off or money taken back moves.

    These close or open an order in the layers without a payment: standing_at speaks of them.
    """
    small = simulator.portfolio(700, seed=3, days=300)
    orders, events = small.transactions.to_pandas(), small.events.to_pandas()
    assert (orders["due_date"] > orders["invoice_date"]).sum() > 20
    moved = events[events["event_type"].isin(["credit", "write_off", "chargeback", "refund"])]["order_id"]
    plain = set(orders["order_id"]) - set(moved)
    layers.prepare(engine)
    for table, rows in (("raw_transactions", small.transactions), ("raw_events", small.events), ("fx_rates", small.fx)):
        engine.write(table, rows, ())
    engine.run("INSERT INTO payment_source VALUES ('events')")
    for days in (7, 90):
        layers.build(engine, layers.Parameters(as_of=None, horizon_days=days))
        query = f"SELECT order_id, as_of, age_days, is_landmark, label_recovered_30d AS label FROM {layers.VIEW}"
        view = engine.read(query).to_pandas()
        view = view[view["age_days"] <= LANDMARK_DAYS[-1]]
        truth = small.truth.to_pandas()
        truth = truth[truth["age_days"].isin(LANDMARK_DAYS) | (truth["as_of"] == END)]
        both = view.merge(truth, on=["order_id", "as_of", "age_days"], how="outer", indicator=True)
        both = both[both["order_id"].isin(plain)]
        assert (both["_merge"] == "both").all()
        known = both[both["label"].notna()]
        assert len(known) > 100
        assert (known["label"] == (known["recovered_after_days"] <= days)).all()


def test_no_sql_reads_the_truth(portfolio: simulator.Portfolio) -> None:
    hidden = set(portfolio.truth.schema.names) - {"order_id", "as_of", "age_days"}
    raw = {*portfolio.transactions.schema.names, *portfolio.events.schema.names, *portfolio.fx.schema.names}
    assert not hidden & raw
    for name, sql in layers.layers():
        assert not [word for word in hidden if re.search(rf"\b{word}\b", sql)], name


# --- the facts ----------------------------------------------------------------------------------------------------


def test_tables_have_the_raw_columns_and_keep_their_rules(engine: Engine) -> None:
    small = simulator.portfolio(300, seed=9)
    schema = (files("payrec.data") / "sql" / "01_schema.sql").read_text(encoding="utf-8")
    for table, rows in (("raw_transactions", small.transactions), ("raw_events", small.events), ("fx_rates", small.fx)):
        declared = re.search(rf"CREATE TABLE IF NOT EXISTS {table} \((.*?)\n\);", schema, re.DOTALL)
        assert declared
        columns = re.findall(r"^ {4}([a-z_]+) ", declared[1], re.MULTILINE)
        not_simulated = {"status", "stated_at", "source_account"} if table == "raw_transactions" else {"currency"}
        assert rows.schema.names == [
            name for name in columns if table == "fx_rates" or name not in not_simulated - set(rows.schema.names)
        ]
        assert engine.write(table, rows, ()) == rows.num_rows


def test_first_charge_successes_never_failed(
    transactions: pd.DataFrame, events: pd.DataFrame, truth: pd.DataFrame
) -> None:
    worked = transactions.index.difference(failed_orders(truth))
    assert 0.5 < len(worked) / len(transactions) < 0.6
    assert transactions.loc[worked, "reason_code"].isna().all()
    assert (transactions.loc[worked, "payment_date"] == transactions.loc[worked, "invoice_date"]).all()
    theirs = events[events["order_id"].isin(worked)]
    attempts = theirs[theirs["event_type"] == "attempt"]
    assert attempts["reason_code"].isna().all()
    assert len(theirs[theirs["event_type"] == "payment"]) == len(worked)


def test_failed_orders_failed_on_their_day_and_a_try_that_works_is_paid(
    transactions: pd.DataFrame, events: pd.DataFrame, truth: pd.DataFrame
) -> None:
    attempts = events[events["event_type"] == "attempt"]
    first = attempts.groupby("order_id").first().reindex(failed_orders(truth)).dropna(subset="event_ts")
    on_time = first["event_ts"].dt.date == transactions.loc[first.index, "invoice_date"]
    assert on_time.mean() > 0.99  # the others' first attempt was not yet recorded at the end
    assert first.loc[on_time, "reason_code"].notna().all()
    worked = attempts[attempts["reason_code"].isna()]
    payments = events[events["event_type"] == "payment"]
    paid = worked.merge(payments, on="order_id")
    gap = paid["event_ts_y"] - paid["event_ts_x"]
    assert paid.loc[gap == pd.Timedelta(seconds=2), "order_id"].nunique() == len(worked)


def test_failed_orders_are_unpaid_on_their_first_day(transactions: pd.DataFrame, truth: pd.DataFrame) -> None:
    failed = transactions.loc[failed_orders(truth)]
    paid = failed[failed["payment_date"].notna()]
    assert (paid["payment_date"] > paid["invoice_date"]).all()


def test_nothing_is_known_after_the_end(transactions: pd.DataFrame, events: pd.DataFrame) -> None:
    assert transactions["invoice_date"].max() == simulator.DEFAULT_END - timedelta(days=1)
    assert events["recorded_ts"].max() < END
    assert (events["recorded_ts"] >= events["event_ts"]).all()
    assert transactions["capture_ts"].max() < END
    assert transactions["payment_date"].dropna().max() < simulator.DEFAULT_END


def test_no_event_looks_like_a_bare_date_and_money_is_recorded_on_its_day(events: pd.DataFrame) -> None:
    assert (events["event_ts"] != events["event_ts"].dt.normalize()).all()
    money = events[events["event_type"].isin(MONEY_IN + MONEY_BACK)]
    assert (money["recorded_ts"].dt.normalize() == money["event_ts"].dt.normalize()).all()
    late = (events["recorded_ts"] - events["event_ts"]) > pd.Timedelta(hours=1)
    assert 0.005 < late.mean() < 0.05
    assert set(events.loc[late, "event_type"]) == {"attempt", "contact"}


def test_everything_that_happens_in_life_happens(transactions: pd.DataFrame, events: pd.DataFrame) -> None:
    assert set(events["event_type"]) == set(EVENT_TYPES) - {"pending", "return", "void", "snooze"}
    assert set(transactions["result_status"]) == {
        "success", "failed", "partially_paid", "refunded", "charged_back", "written_off",
    }  # fmt: skip
    for column in ("provider", "payment_method", "country", "device", "transaction_type", "reason_code", "auth_ts"):
        assert 0 < transactions[column].isna().mean() < 1, column
    assert transactions["currency"].nunique() == 7
    promises = events[events["event_type"] == "promise"]
    assert (pd.to_datetime(promises["detail"]) > promises["event_ts"]).all()
    same_day = transactions.duplicated(["customer_id", "invoice_date"])
    assert same_day.any()
    assert (transactions[transactions["currency"] == "JPY"]["amount"].astype(float) % 1 == 0).all()


def test_the_balance_adds_up_and_is_never_below_zero(transactions: pd.DataFrame, events: pd.DataFrame) -> None:
    sign = events["event_type"].isin(MONEY_IN).astype(int) - events["event_type"].isin(MONEY_BACK).astype(int)
    paid = (events["minor"] * sign).groupby(events["order_id"]).sum().reindex(transactions.index, fill_value=0)
    amount = transactions["amount"].map(lambda a: int(a * 100))
    outstanding = transactions["outstanding"].map(lambda a: int(a * 100))
    assert (outstanding == amount - paid).all()
    assert outstanding.ge(0).all()
    assert outstanding.le(amount).all()
    assert (transactions["payment_date"].notna() | (outstanding * 20 > amount)).all()


def test_recoveries_are_taken_back_only_after_the_longest_horizon(events: pd.DataFrame, truth: pd.DataFrame) -> None:
    theirs = events[events["order_id"].isin(failed_orders(truth))]
    back = theirs[theirs["event_type"].isin(MONEY_BACK)].groupby("order_id")["event_ts"].min()
    paid = theirs[theirs["event_type"] == "payment"].groupby("order_id")["event_ts"].max().reindex(back.index)
    assert 0 < len(back) < 0.02 * len(failed_orders(truth))
    assert (back.dt.normalize() - paid.dt.normalize() > pd.Timedelta(days=max(HORIZON_DAYS))).all()


def test_holdout_and_opted_out_customers_are_left_alone(
    transactions: pd.DataFrame, events: pd.DataFrame, truth: pd.DataFrame
) -> None:
    contacts = events[events["event_type"] == "contact"]
    holdout = truth.loc[truth["is_holdout"], "order_id"].unique()
    assert len(holdout) > 0
    assert not contacts["order_id"].isin(holdout).any()
    customer = transactions["customer_id"]
    opted_out = events[events["event_type"] == "opt_out"]
    since = opted_out.groupby(opted_out["order_id"].map(customer))["event_ts"].min()
    after = contacts["event_ts"] > contacts["order_id"].map(customer).map(since)
    assert len(since) > 0
    assert not after.any()


# --- the files ----------------------------------------------------------------------------------------------------


def test_same_seed_same_bytes(tmp_path: Path) -> None:
    for folder, seed in (("a", 1), ("b", 1), ("c", 2)):
        simulator.write(simulator.portfolio(400, seed), tmp_path / folder)
    for name in simulator.FILES:
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()
        assert (tmp_path / "a" / name).read_bytes() != (tmp_path / "c" / name).read_bytes()
    assert sorted(path.name for path in (tmp_path / "a").iterdir()) == sorted(simulator.FILES)


def test_files_hold_what_the_tables_hold(tmp_path: Path) -> None:
    small = simulator.portfolio(250, seed=4, days=200)
    simulator.write(small, tmp_path)
    for name, rows in (("transactions", small.transactions), ("events", small.events), ("fx", small.fx)):
        types = csv.ConvertOptions(column_types=rows.schema, strings_can_be_null=True)
        assert csv.read_csv(tmp_path / f"{name}.csv", convert_options=types).equals(rows)
    assert pq.read_table(tmp_path / "truth.parquet").equals(small.truth)


def test_a_failed_write_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    simulator.write(simulator.portfolio(50, seed=1), tmp_path)
    before = {name: (tmp_path / name).read_bytes() for name in simulator.FILES}

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("pyarrow.csv.write_csv", full)
    with pytest.raises(UsageError, match=r"transactions\.csv: the disk is full"):
        simulator.write(simulator.portfolio(50, seed=2), tmp_path)
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


@given(
    orders=st.integers(1, 60),
    seed=st.integers(0, 2**32),
    days=st.integers(1, 500),
    failed_share=st.sampled_from((0.0, 0.1, 0.45, 1.0)),
    end=st.dates(date(2000, 1, 1), date(2100, 1, 1)),
)
@settings(max_examples=25, deadline=None)
def test_any_size_span_and_share(orders: int, seed: int, days: int, failed_share: float, end: date) -> None:
    small = simulator.portfolio(orders, seed, end=end, days=days, behaviour=Behaviour(failed_share=failed_share))
    assert small.transactions.num_rows == orders
    assert small.events.num_rows >= orders // 2  # first attempts of the last days may be recorded after the end
    failed = pa.compute.count_distinct(small.truth["order_id"]).as_py()
    assert failed == {0.0: 0, 1.0: orders}.get(failed_share, failed)
    stop = datetime(end.year, end.month, end.day)
    assert all(ts < stop for ts in small.events["recorded_ts"].to_pylist())


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"orders": 0}, "orders is 0"),
        ({"orders": 10**9}, "orders is"),
        ({"seed": -1}, "seed is -1"),
        ({"days": 0}, "days is 0"),
    ],
)
def test_numbers_out_of_range_are_refused(arguments: dict[str, float], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        simulator.portfolio(**{"orders": 10, "seed": 1, **arguments})  # type: ignore[arg-type]


def test_the_sample_is_what_its_readme_says(tmp_path: Path) -> None:
    text = (DATA / "README.md").read_text(encoding="utf-8")
    command = re.search(r"payrec simulate --orders (\d+) --seed (\d+)", text)
    assert command
    simulator.write(simulator.portfolio(int(command[1]), int(command[2])), tmp_path)
    total = 0
    for name in ("transactions.csv", "events.csv"):
        sample = (DATA / f"sample_{name}").read_bytes()
        assert sample == (tmp_path / name).read_bytes()
        total += len(sample)
    assert total < 1_000_000
