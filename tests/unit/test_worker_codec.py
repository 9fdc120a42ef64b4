"""What crosses between processes: every value comes back as the type that it is."""

import json
import math
from collections import OrderedDict
from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Decimal
from fractions import Fraction
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
import polars as pl
import pytest

from skewtest.compare.encoded import find_differences
from skewtest.compare.floats import ulps_between
from skewtest.compare.tags import odd_kind
from skewtest.worker.codec import decode, decode_column, encode, encode_column
from skewtest.worker.frames import kind_of, row_columns, rows_as

NAIVE = datetime(2024, 1, 1)  # noqa: DTZ001 - a time without a zone is the point

VALUES = [
    *(None, True, 0, -1, 2**70, 1.5, -0.0, math.inf, 1e22, 5e-324, "", "\ud800", "null"),
    *(b"\x00", date(2024, 1, 1), time(1, 2), timedelta(microseconds=-1), Decimal("1.10")),
    *(Fraction(1, 3), 1 + 2j, NAIVE, datetime(2024, 3, 1, tzinfo=UTC)),
    datetime(2024, 3, 1, tzinfo=ZoneInfo("America/New_York")),
    datetime(2024, 3, 1, tzinfo=timezone(timedelta(hours=-2, minutes=-30))),
    [1, [2, None]],
    (1, "a"),
    {1: "x", "1": (2,), None: {3}},
    OrderedDict(a=1),
]


def through(value):
    return decode(json.loads(json.dumps(encode(value))))


@pytest.mark.parametrize("value", VALUES, ids=repr)
def test_a_plain_value_comes_back_as_it_was(value):
    back = through(value)
    assert back == value
    assert type(back) in (type(value), dict)
    if isinstance(value, float):
        assert math.copysign(1, back) == math.copysign(1, value)
    if isinstance(value, datetime):
        assert back.utcoffset() == value.utcoffset()


def test_nan_comes_back_as_nan():
    assert math.isnan(through(math.nan))


@pytest.mark.parametrize(
    "column",
    [
        [1, None, 2.5, "a"],
        [datetime(2024, 1, 1, tzinfo=UTC), None],
        [NAIVE, datetime(2024, 1, 1, tzinfo=UTC)],
        [{"a": 1}, [1.5]],
        [],
    ],
)
def test_a_column_comes_back_as_it_was(column):
    assert decode_column(json.loads(json.dumps(encode_column(column)))) == column


SAME = [
    (np.float64(0.5), 0.5),
    (np.int64(3), 3),
    (np.bool_(True), True),
    (np.str_("a"), "a"),
    ({"a": 1, "b": 2}, {"b": 2, "a": 1}),
    (np.array(["a"]), np.array(["a"])),
    (pd.Series([1.0, math.nan]), pd.Series([1.0, math.nan])),
    (pl.DataFrame({"a": [1, None]}), pl.DataFrame({"a": [1, None]})),
    ({3, 1, 2}, {1, 2, 3}),
    ({np.int64(1)}, {1}),
    ({np.int64(1): "x"}, {1: "x"}),
    (pd.Timestamp("2024-01-01"), pd.Timestamp("2024-01-01").as_unit("us")),
    (pl.Datetime("us"), pl.Datetime("us", None)),
    (np.dtype("i8"), np.dtype("int64")),
]


@pytest.mark.parametrize(("left", "right"), SAME, ids=lambda value: repr(value)[:20])
def test_these_are_the_same(left, right):
    assert find_differences(encode(left), encode(right)) == []


DIFFERENT = [
    (1.0, math.nextafter(1.0, 2), "value", ""),
    (0.0, -0.0, "value", ""),
    (1, 1.0, "dtype", ""),
    (True, 1, "dtype", ""),
    (np.float32(0.5), 0.5, "dtype", ""),
    (None, math.nan, "null", ""),
    (pd.NA, None, "null", ""),
    (pd.NaT, pd.NA, "null", ""),
    ([1, 2], [1, 2, 3], "value", ""),
    ([1, [2, 3]], [1, [2, 4]], "value", "[1][1]"),
    ((1, 2), [1, 2], "dtype", ""),
    ({"a": {"b": 1}}, {"a": {"b": 2}}, "value", "['a']['b']"),
    ({1: "x"}, {"1": "x"}, "value", "['1']"),
    ("a", 1, "value", ""),
    (NAIVE, datetime(2024, 1, 1, tzinfo=UTC), "dtype", ""),
    (np.array([1, 2]), np.array([[1, 2]]), "value", ""),
    (np.array([1], dtype="i4"), np.array([1], dtype="i8"), "dtype", ""),
    (np.datetime64("2024-01-01", "ns"), np.datetime64("2024-01-02", "ns"), "value", ""),
    (pd.Series([1, 2]), pd.Series([1, 2], index=[1, 2]), "value", ".index[0]"),
    (pd.DataFrame({"a": [1]}), pd.DataFrame({"b": [1]}), "value", ".columns"),
    (pd.DataFrame({"a": [1]}), pd.DataFrame({"a": [1.0]}), "dtype", "['a']"),
    (pl.Series([1]), pl.Series([1], dtype=pl.Int32), "dtype", ""),
    (pl.DataFrame({"a": [1]}), pd.DataFrame({"a": [2]}), "value", "['a'][0]"),
    ([1], {"a": 1}, "value", ""),
    (Decimal("1.0"), Decimal("1.00"), "value", ""),
    (pd.Series([1], name="k"), pd.Series([1], name="count"), "value", ".name"),
    (pd.Categorical(["a"]), pd.Categorical(["a"], ["a", "b"]), "dtype", ""),
    (pd.Series(pd.Categorical(["a"])), pd.Series(pd.Categorical(["a"], ["b", "a"])), "dtype", ""),
    (pd.Timestamp("2024-01-01"), pd.Timestamp("2024-01-01", tz="UTC"), "value", ""),
    (np.dtype("i8"), np.dtype("i4"), "value", ""),
    ({1.5}, {2.5}, "value", ""),
]


@pytest.mark.parametrize(("left", "right", "kind", "path"), DIFFERENT, ids=lambda v: repr(v)[:20])
def test_these_differ_in_their_kind_and_place(left, right, kind, path):
    for one, other in ((left, right), (right, left)):
        found = find_differences(encode(one), encode(other))
        assert found[0].kind == kind
        assert path in [place.path for place in found]


def test_ulps_are_counted_across_zero_and_for_single_floats():
    assert ulps_between(-5e-324, 5e-324) == 2
    assert ulps_between(1.0, 1.0 + 2**-23, single=True) == 1
    assert ulps_between(1.0, math.inf) is None


def test_what_cannot_be_compared_is_found_at_any_depth():
    assert odd_kind(encode({"a": [object()]})) == "object"
    assert odd_kind(encode({"a": [1]})) is None
    deep = []
    for _ in range(150):
        deep = [deep]
    assert "levels deep" in odd_kind(encode(deep))


@pytest.mark.parametrize(
    ("annotation", "kind"),
    [
        (pd.DataFrame, "pandas"),
        (pl.LazyFrame, "polars lazy"),
        ("pd.DataFrame", "pandas"),
        (list, "rows"),
        (list[dict], "rows"),
        ("list[dict]", "rows"),
        (int, ""),
    ],
)
def test_an_annotation_asks_for_a_kind_of_frame(annotation, kind):
    assert kind_of(annotation) == kind


def test_rows_become_the_frame_that_is_asked_for():
    rows = [{"a": 1}, {"a": 2, "b": 3}]
    assert row_columns(rows) == {"a": [1, 2], "b": [None, 3]}
    assert rows_as("pandas", rows)["a"].tolist() == [1, 2]
    assert rows_as("polars", rows)["b"].to_list() == [None, 3]
    assert rows_as("pyarrow", rows).to_pylist()[0] == {"a": 1, "b": None}
    assert rows_as("", rows) is rows
