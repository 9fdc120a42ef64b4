"""A source learned from a real log, or from a schema."""
# ruff: noqa: DTZ001 - naive times are among what is tested

import math
from collections import Counter
from datetime import UTC, datetime, timedelta

import pandas as pd
import pandera.pandas as pa
import polars as pl
import pytest
from hypothesis import strategies as st

import skewtest as sk
from skewtest.declare.kinds import Bools, Categories, Floats, Ints, Key, Strings, Timestamps
from skewtest.declare.learn import Rhythm
from skewtest.times import TimeType

NOON = datetime(2024, 3, 8, 12, tzinfo=UTC)
TIMES = [NOON + timedelta(minutes=n) for n in range(4)]


def log(**columns):
    size = len(next(iter(columns.values()), TIMES))
    times = [NOON + timedelta(minutes=n) for n in range(size)]
    return pl.DataFrame({"user_id": ["a"] * size, "ts": times, **columns}, strict=False)


def learned(values, dtype=None):
    """Return what is learned of a column of values."""
    frame = log(x=pl.Series(values, dtype=dtype, strict=False))
    return sk.Source.from_polars(frame, "orders", time="ts", keys=["user_id"]).columns["x"]


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([3, 1, 2], Ints(min=1, max=3)),
        ([3, None, 2], Ints(min=2, max=3, nullable=True)),
        ([2**63 - 1, -(2**63)], Ints(min=-(2**63), max=2**63 - 1)),
        ([0.25, -1.5], Floats(min=-1.5, max=0.25, step=0.25)),
        ([1.0, 2.0], Floats(min=1.0, max=2.0, step=1.0)),
        ([0.99, 10.0], Floats(min=0.99, max=10.0, step=0.01)),
        ([0.05, 0.1], Floats(min=0.05, max=0.1, step=0.05)),
        ([1.001, 2.0], Floats(min=1.001, max=2.0, step=0.001)),
        ([math.pi, 2.0], Floats(min=2.0, max=math.pi)),
        ([1.0, math.nan], Floats(min=1.0, max=1.0, step=1.0, nan=True)),
        ([1.0, -math.inf], Floats(min=1.0, max=1.0, step=1.0, inf=True)),
        ([1.0, None], Floats(min=1.0, max=1.0, step=1.0, nullable=True)),
        ([True, False], Bools()),
        ([True, None], Bools(nullable=True)),
        (["new", "paid", "new", "new"], Categories(values=("new", "paid"))),
        (["new", None, "new", "new"], Categories(values=("new",), nullable=True)),
        (["ab", "cde", "f", "g"], Strings(max_size=3)),
        (
            [NOON, NOON + timedelta(1)],
            Timestamps(min=NOON, max=NOON + timedelta(1), time=TimeType("us", "UTC")),
        ),
    ],
    ids=[
        *("ints", "nullable-ints", "wide-ints", "quarters", "whole-floats", "cents", "twentieths"),
        *("thousandths", "no-step", "nan", "inf", "nullable-floats", "bools", "nullable-bools"),
        *("categories", "nullable-categories", "strings", "timestamps"),
    ],
)
def test_the_range_of_a_column_is_learned(values, expected):
    assert learned(values) == expected


@pytest.mark.parametrize("dtype", [pl.Int8, pl.UInt32, pl.Int64, pl.UInt64])
def test_integers_of_any_size_are_ints(dtype):
    assert learned([1, 5], dtype) == sk.ints(
        1, 5, type=str(dtype()).lower() if dtype != pl.UInt64 else "int64"
    )


def test_integers_beyond_64_bits_end_at_64_bits():
    assert learned([1, 2**64 - 1], pl.UInt64) == Ints(min=1, max=2**63 - 1)


def test_float32_is_learned_as_floats():
    assert learned([0.5, 2.0], pl.Float32) == Floats(min=0.5, max=2.0, step=0.5)


def test_a_column_of_nothing_but_null_takes_the_usual_range():
    assert learned([None, None], pl.Int64) == sk.ints(nullable=True)
    assert learned([None, None], pl.Float64) == sk.floats(nullable=True)
    assert learned([None, None], pl.String) == sk.strings(nullable=True)


def test_a_column_of_nothing_but_nan_takes_the_usual_range():
    assert learned([math.nan, math.nan]) == sk.floats(nan=True)


def test_polars_categoricals_are_categories():
    assert learned(["a", "b", "a", "b"], pl.Categorical) == sk.categories("a", "b")
    assert learned(["a", "b", "a", "b"], pl.Enum(["a", "b", "c"])) == sk.categories("a", "b")


def test_many_different_values_are_no_categories():
    assert learned([f"{n:03}" for n in range(51)] * 4) == Strings(max_size=3)
    assert learned([f"{n:03}" for n in range(50)] * 4) == sk.categories(
        *(f"{n:03}" for n in range(50))
    )


def test_lists_of_floats_are_vectors():
    kind = learned([[1.0, 2.0, 3.0], [0.5, 0.5, 0.5]])
    assert (kind.size, kind.nullable) == (3, False)
    assert kind.dtype == pl.List(pl.Float64)


def test_the_range_of_vectors_is_learned():
    kind = learned([[-7.5, 2.0], [0.5, 30.0]])
    assert (kind.element.min, kind.element.max) == (-7.5, 30.0)


def test_structs_are_learned_field_by_field():
    kind = learned([{"x": 1, "c": "a"}, {"x": 5, "c": "a"}])
    assert dict(kind.fields) == {"x": sk.ints(1, 5), "c": sk.categories("a")}


def test_columns_keep_their_order_and_leave_out_the_time():
    frame = log(x=[1, 2], b=[True, False])
    source = sk.Source.from_polars(frame, "orders", time="ts", keys=["user_id"])
    assert list(source.columns) == ["user_id", "x", "b"]
    assert source.time == "ts"


def test_what_is_declared_wins_over_what_is_learned():
    frame = log(x=[1, 2], raw=[b"a", b"b"])
    source = sk.Source.from_polars(
        frame, "orders", time="ts", columns={"x": sk.floats(0, 9), "raw": st.binary()}
    )
    assert source.columns["x"] == sk.floats(0, 9)
    assert source.columns["raw"].dtype == pl.Binary


# -- keys -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("dtype", "kind"),
    [
        (pl.String, "string"),
        (pl.Categorical, "string"),
        (pl.Int64, "int"),
        (pl.UInt64, "int"),
        (pl.Int32, "int32"),
        (pl.Int16, "int32"),
    ],
)
def test_a_key_has_the_type_of_its_column(dtype, kind):
    frame = log(k=pl.Series([1, 2, 1, 2]).cast(pl.String).cast(dtype))
    source = sk.Source.from_polars(frame, "orders", time="ts", keys=["k"])
    assert source.columns["k"] == Key(type=kind)
    assert source.keys == ("k",)


def test_a_column_that_is_no_key_may_look_like_one():
    source = sk.Source.from_polars(log(x=[1, 1]), "orders", time="ts")
    assert source.columns["user_id"] == sk.categories("a")
    assert source.keys == ()


def test_a_key_that_is_null_in_the_log_is_nullable():
    frame = log(k=["a", None, "b", "c"])
    source = sk.Source.from_polars(frame, "orders", time="ts", keys=["k"])
    assert source.columns["k"] == sk.key(nullable=True)


# -- times and rates ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("unit", "zone"), [("ms", "UTC"), ("us", None), ("ns", "America/New_York")]
)
def test_unit_and_zone_are_those_of_the_time_column(unit, zone):
    times = pl.Series([datetime(2024, 3, 8), datetime(2024, 3, 9)], dtype=pl.Datetime(unit))
    frame = log(x=[1, 2]).with_columns(ts=times.dt.replace_time_zone(zone))
    source = sk.Source.from_polars(frame, "orders", time="ts", keys=["user_id"])
    assert source.type == TimeType(unit, zone)


def test_the_log_lasts_from_its_first_to_its_last_event():
    source = sk.Source.from_polars(log(x=[1, 2, 3]), "orders", time="ts", keys=["user_id"])
    assert source.start == NOON
    assert source.end == NOON + timedelta(minutes=2)


def test_a_log_of_one_event_lasts_as_long_as_any():
    source = sk.Source.from_polars(log(x=[1]), "orders", time="ts", keys=["user_id"])
    assert (source.start, source.end) == (None, None)


def test_null_rates_are_shares_of_the_events():
    source = sk.Source.from_polars(
        log(x=[1, None, None, 4], y=["a", "b", "c", None], z=[1, 2, 3, 4]),
        "orders",
        time="ts",
        keys=["user_id"],
    )
    assert dict(source.null_rates) == {"x": 0.5, "y": 0.25}


def test_gaps_are_those_between_events_of_one_entity():
    frame = pl.DataFrame(
        {
            "user_id": ["a", "b", "a", "b", "a"],
            "ts": [NOON + timedelta(minutes=m) for m in (0, 1, 10, 31, 40)],
        }
    )
    rhythm = sk.Source.from_polars(frame, "orders", time="ts", keys=["user_id"]).rhythm
    assert rhythm.gaps[0] == timedelta(minutes=10)
    assert rhythm.gaps[-1] == timedelta(minutes=30)
    assert set(rhythm.gaps) == {timedelta(minutes=10), timedelta(minutes=30)}
    assert rhythm.ties == 0.0


def test_without_keys_gaps_are_those_between_all_events():
    rhythm = sk.Source.from_polars(log(x=[1, 2, 3]), "orders", time="ts").rhythm
    assert set(rhythm.gaps) == {timedelta(minutes=1)}


def test_gaps_do_not_depend_on_the_order_of_the_log():
    frame = log(x=[1, 2, 3, 4])
    one, other = (
        sk.Source.from_polars(f, "orders", time="ts", keys=["user_id"]).rhythm
        for f in (frame, frame.reverse())
    )
    assert one == other


def test_ties_are_the_share_of_events_at_the_time_of_the_one_before():
    frame = log(x=[1, 2, 3, 4, 5]).with_columns(
        ts=pl.Series([NOON, NOON, NOON, NOON + timedelta(1), NOON + timedelta(1)])
    )
    assert sk.Source.from_polars(frame, "orders", time="ts").rhythm.ties == 0.75


@pytest.mark.parametrize("unit", ["ms", "ns"])
def test_gaps_are_the_same_in_every_unit(unit):
    frame = log(x=[1, 2]).with_columns(pl.col("ts").cast(pl.Datetime(unit, "UTC")))
    rhythm = sk.Source.from_polars(frame, "orders", time="ts", keys=["user_id"]).rhythm
    assert set(rhythm.gaps) == {timedelta(minutes=1)}


# -- ways in --------------------------------------------------------------------------------------

FRAME = log(x=[0.5, None, 2.0], c=["a", "b", "a"])
EXPECTED = sk.Source.from_polars(FRAME, "orders", time="ts", keys=["user_id"])


def test_a_lazy_frame_is_learned_as_an_eager_one():
    assert sk.Source.from_polars(FRAME.lazy(), "orders", time="ts", keys=["user_id"]) == EXPECTED


def test_an_arrow_table_is_learned_as_its_frame():
    table = FRAME.to_arrow()
    assert sk.Source.from_arrow(table, "orders", time="ts", keys=["user_id"]) == EXPECTED


def test_a_parquet_file_is_learned_as_its_frame(tmp_path):
    FRAME.write_parquet(tmp_path / "orders.parquet")
    for path in (tmp_path / "orders.parquet", str(tmp_path / "*.parquet")):
        source = sk.Source.from_parquet(path, "orders", time="ts", keys=["user_id"])
        assert source == EXPECTED


def test_an_empty_frame_gives_its_schema():
    source = sk.Source.from_polars(FRAME.clear(), "orders", time="ts", keys=["user_id"])
    assert dict(source.columns) == {
        "user_id": sk.key(),
        "x": sk.floats(nullable=True),
        "c": sk.strings(nullable=True),
    }
    assert (source.start, source.end, source.rhythm) == (None, None, Rhythm())
    assert dict(source.null_rates) == {}


def test_an_empty_arrow_table_gives_its_schema():
    table = FRAME.clear().to_arrow()
    source = sk.Source.from_arrow(table, "orders", time="ts", keys=["user_id"])
    assert source.columns["x"] == sk.floats(nullable=True)


def test_an_empty_frame_of_every_kind_can_be_generated():
    frame = pl.DataFrame(
        schema={
            "user_id": pl.Int32,
            "ts": pl.Datetime("ns"),
            "n": pl.Int16,
            "b": pl.Boolean,
            "t": pl.Datetime("ms", "UTC"),
            "v": pl.List(pl.Float32),
            "r": pl.Struct({"x": pl.Float64}),
        }
    )
    source = sk.Source.from_polars(frame, "orders", time="ts", keys=["user_id"])
    assert list(source.columns) == ["user_id", "n", "b", "t", "v", "r"]
    assert source.columns["v"].size == 1


def test_a_learned_source_can_be_checked():
    def batch(orders, spine):
        seen = spine.join(orders, on="user_id").filter(pl.col("ts") < pl.col("as_of"))
        counts = seen.group_by("user_id", "as_of").agg(n=pl.len())
        return spine.join(counts, on=["user_id", "as_of"], how="left").with_columns(
            pl.col("n").fill_null(0)
        )

    class Online:
        def __init__(self):
            self.seen = Counter()

        def update(self, event):
            self.seen[event["user_id"]] += 1

        def query(self, request):
            return {"n": self.seen[request["user_id"]]}

    view = sk.FeatureView(
        "spend",
        sources=[EXPECTED],
        entity=["user_id"],
        batch=batch,
        online=Online,
        features={"n": sk.exact()},
    )
    result = sk.check(view, histories=200, seed=1)
    assert [(f.feature, f.kind) for f in result.findings] == []
    assert result.ok


# -- pandera --------------------------------------------------------------------------------------


def schema(**columns):
    return pa.DataFrameSchema(
        {"user_id": pa.Column(str), "ts": pa.Column("datetime64[us, UTC]"), **columns}
    )


def declared(column):
    source = sk.Source.from_pandera(schema(x=column), "orders", time="ts", keys=["user_id"])
    return source.columns["x"]


@pytest.mark.parametrize(
    ("column", "expected"),
    [
        (pa.Column(int, pa.Check.in_range(0, 100)), sk.ints(0, 100)),
        (pa.Column(int, pa.Check.ge(5)), sk.ints(5, 2**31 - 1)),
        (pa.Column(int, pa.Check.le(-5)), sk.ints(-(2**31), -5)),
        (pa.Column(int, pa.Check.ge(2**40)), sk.ints(2**40, 2**40 + 2**31 - 1)),
        (pa.Column(int), sk.ints()),
        (pa.Column("Int64", nullable=True), sk.ints(nullable=True)),
        (pa.Column(float, [pa.Check.ge(0), pa.Check.le(1)]), sk.floats(0, 1)),
        (pa.Column(float, nullable=True), sk.floats(nullable=True)),
        (pa.Column(bool), sk.bools()),
        (pa.Column(str, pa.Check.isin(["new", "paid"])), sk.categories("new", "paid")),
        (pa.Column(str), sk.strings()),
        (pa.Column("datetime64[ns, UTC]"), sk.timestamps()),
        (pa.Column("datetime64[ns]"), sk.timestamps(zone=None)),
    ],
    ids=[
        *("range", "at-least", "at-most", "far-at-least", "int", "nullable-int", "floats"),
        *("nullable-float", "bool", "isin", "str", "aware-datetime", "naive-datetime"),
    ],
)
def test_a_pandera_column_is_declared_by_its_type_and_checks(column, expected):
    if column.checks and "isin" in str(column.checks):
        assert set(declared(column).values) == set(expected.values)
    else:
        assert declared(column) == expected


def test_a_pandera_schema_makes_a_source_with_its_keys_and_time():
    source = sk.Source.from_pandera(
        schema(k=pa.Column(int)), "orders", time="ts", keys=["user_id", "k"], zone=None
    )
    assert dict(source.columns) == {"user_id": sk.key(), "k": sk.key("int")}
    assert (source.time, source.type) == ("ts", TimeType("us", None))


def test_a_pandera_model_is_given_as_its_schema():
    class Orders(pa.DataFrameModel):
        user_id: str
        ts: pd.DatetimeTZDtype = pa.Field(dtype_kwargs={"unit": "us", "tz": "UTC"})
        amount: float = pa.Field(ge=0, le=100)

    source = sk.Source.from_pandera(Orders.to_schema(), "orders", time="ts", keys=["user_id"])
    assert source.columns["amount"] == sk.floats(0, 100)


@pytest.mark.parametrize(
    ("column", "settings", "message"),
    [
        (
            pa.Column(int),
            {"time": "at"},
            "Source('orders'): 'at' is no column of the schema; it has 'user_id', 'ts', 'x'.",
        ),
        (
            pa.Column(int),
            {"time": "ts", "keys": ["user"]},
            (
                "Source('orders'): 'user' is no column of the schema; it has 'user_id', 'ts', 'x'."
                " Did you mean 'user_id'?"
            ),
        ),
        (
            pa.Column("complex128"),
            {"time": "ts"},
            (
                "Source('orders'): column 'x' has pandera type complex128, which cannot be generated; "  # noqa: E501 - the message in full
                "declare it with columns={'x': <column or Hypothesis strategy>}"
            ),
        ),
    ],
    ids=["unknown-time", "unknown-key", "unknown-type"],
)
def test_a_pandera_schema_that_does_not_fit_is_told(column, settings, message):
    with pytest.raises(sk.DeclarationError) as caught:
        sk.Source.from_pandera(schema(x=column), "orders", **settings)
    assert str(caught.value) == message


def test_a_pandera_column_that_cannot_be_generated_can_be_declared():
    source = sk.Source.from_pandera(
        schema(x=pa.Column("complex128")),
        "orders",
        time="ts",
        keys=["user_id"],
        columns={"x": sk.floats(0, 1)},
    )
    assert source.columns["x"] == sk.floats(0, 1)


def arriving(*lags):
    """A log whose events arrive so many seconds after they happen."""
    arrived = [None if lag is None else at + timedelta(seconds=lag) for at, lag in zip(TIMES, lags)]  # noqa: B905
    times = {"arrived": pl.Series(arrived, dtype=pl.Datetime("us", "UTC"))}
    return log(amount=[1] * len(lags), **times)


def test_arrivals_before_the_event_are_counted_and_left_as_they_are():
    frame = arriving(5, -90, None, -1)
    with pytest.warns(sk.LogWarning) as told:
        sk.Source.from_polars(frame, "orders", time="ts", keys=["user_id"], arrival="arrived")
    assert [str(warning.message) for warning in told] == [
        (
            "Source('orders'): 'arrived' is before 'ts' in 2 of 4 events of the log, by "
            "up to 0:01:30. Nothing is changed; check which clocks wrote them."
        )
    ]
    assert told[0].filename == __file__


def test_a_log_in_which_all_arrive_after_they_happen_is_no_matter():
    frame = arriving(5, 0, None, 1)
    sk.Source.from_polars(frame, "orders", time="ts", keys=["user_id"], arrival="arrived")
