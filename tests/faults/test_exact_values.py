"""Exact means exact: answers that differ in their last digit differ, and odd ones are told."""
# ruff: noqa: DTZ001 - naive times are among what is tested

import math
from datetime import datetime
from decimal import Decimal
from fractions import Fraction

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from spend_view import SOURCE

import skewtest as sk
from skewtest.worker.codec import decode, encode
from skewtest.worker.exact import ExactTime
from skewtest.worker.values import plain


def answers(batch, online, tolerance=None):
    """Check a view whose batch side makes `f` of a spine, and whose online side answers a value."""
    view = sk.FeatureView(
        "odd",
        sources=[SOURCE],
        entity=["user_id"],
        relations=[],
        batch=lambda orders, spine: batch(spine),
        online=sk.fold(dict, lambda state, event: state, lambda state, request: {"f": online}),
        features={"f": tolerance or sk.exact()},
    )
    return sk.check(view, histories=4, seed=1)


def cell(value):
    """Answer one value for each row of a spine."""
    return lambda spine: [{**row, "f": value} for row in spine.to_dicts()]


def column(dtype, count):
    """Answer a polars column of a type, from the whole number that it is."""
    return lambda spine: spine.with_columns(
        f=pl.Series([count] * len(spine), dtype=dtype if dtype == pl.Int64 else pl.Int64).cast(
            dtype
        )
    )


def arrow(dtype, count):
    def batch(spine):
        table = spine.to_arrow(compat_level=pl.CompatLevel.oldest())
        return table.append_column("f", pa.array([count] * len(spine), dtype))

    return batch


def pandas(dtype, count):
    def batch(spine):
        frame = spine.to_pandas()
        frame["f"] = np.full(len(frame), count).astype(dtype)
        return frame

    return batch


def shown(result):
    (finding,) = result.findings
    return finding.kind, "".join(str(result).split())


ONE, TWO = 1, 2
BY_TYPE = {"ids": lambda value: type(value).__name__}
"""pytest would write out each value, which it cannot."""
LISTS, RECORDS = pl.List(pl.Duration("ns")), pl.Struct({"at": pl.Datetime("ns")})


def in_a_list(spine):
    return spine.with_columns(f=pl.Series([[1]] * len(spine)).cast(LISTS))


def in_a_record(spine):
    return spine.with_columns(f=pl.Series([{"at": 1}] * len(spine)).cast(RECORDS))


@pytest.mark.fault(
    "times one nanosecond apart under exact(), of polars, pandas, numpy and Arrow, also nested",
    "a value finding that shows the nanosecond",
    ends="finding",
)
@pytest.mark.parametrize(
    ("batch", "online"),
    [
        (column(pl.Datetime("ns"), ONE), pd.Timestamp(TWO)),
        (column(pl.Datetime("ns", "Asia/Tokyo"), ONE), pd.Timestamp(TWO, tz="UTC")),
        (column(pl.Duration("ns"), ONE), pd.Timedelta(TWO)),
        (column(pl.Time, ONE), plain(pa.scalar(TWO, pa.time64("ns")))),
        (arrow(pa.timestamp("ns"), ONE), np.datetime64(TWO, "ns")),
        (arrow(pa.duration("ns"), ONE), np.timedelta64(TWO, "ns")),
        (arrow(pa.time64("ns"), ONE), plain(pa.scalar(TWO, pa.time64("ns")))),
        (pandas("M8[ns]", ONE), pd.Timestamp(TWO)),
        (pandas("m8[ns]", ONE), pd.Timedelta(TWO)),
        (in_a_list, [pd.Timedelta(TWO)]),
        (in_a_record, {"at": pd.Timestamp(TWO)}),
        (cell(pd.Timestamp(ONE)), datetime(1970, 1, 1)),
        (cell(np.datetime64(1, "as")), np.datetime64(2, "as")),
    ],
)
def test_times_a_nanosecond_apart_differ(batch, online):
    kind, text = shown(answers(batch, online))
    assert kind == "value"
    assert "00000001" in text


@pytest.mark.parametrize(
    ("batch", "online"),
    [
        (column(pl.Datetime("ns"), ONE), pd.Timestamp(ONE)),
        (column(pl.Datetime("ns"), 1_000), datetime(1970, 1, 1, 0, 0, 0, 1)),
        (column(pl.Datetime("us"), 10**17), datetime(5138, 11, 16, 9, 46, 40)),
        (column(pl.Datetime("ms"), 10**17), pd.Timestamp(np.datetime64(10**17, "ms"))),
        (column(pl.Duration("ns"), ONE), pd.Timedelta(ONE)),
        (arrow(pa.timestamp("ns", "UTC"), ONE), pd.Timestamp(ONE, tz="Asia/Tokyo")),
        (pandas("M8[ns]", ONE), np.datetime64(ONE, "ns")),
        (in_a_list, [pd.Timedelta(ONE)]),
        (in_a_record, {"at": pd.Timestamp(ONE)}),
        (column(pl.Date, 10**7), plain(pl.Series([10**7]).cast(pl.Date))[0]),
    ],
)
def test_one_time_of_two_libraries_is_one(batch, online):
    assert answers(batch, online).ok


@pytest.mark.parametrize(
    ("left", "right", "kind"),
    **BY_TYPE,
    argvalues=[
        pytest.param(
            {1: 2}, {"1": 2}, "dtype",
            marks=pytest.mark.fault(
                "records with the key 1 and the key '1'", "they differ in type", ends="finding"
            ),
        ),
        ({"a": {None: 1}}, {"a": {"None": 1}}, "dtype"),
        ([{1: 2}], [{"1": 2}], "dtype"),
        pytest.param(
            np.longdouble(1) / 3, 1 / 3, "value",
            marks=pytest.mark.fault(
                "a long double and the float next to it under exact()",
                "they differ, shown to 21 digits", ends="finding",
            ),
        ),
        (np.array([1], dtype=np.longdouble) / 3, [1 / 3], "value"),
        pytest.param(
            10**400, 1.0, "value",
            marks=pytest.mark.fault(
                "an int beyond all floats against a float", "they differ", ends="finding"
            ),
        ),
        pytest.param(
            10**6000, 10**6000 + 1, "value",
            marks=pytest.mark.fault(
                "ints of 6,000 digits, which Python does not write", "they differ", ends="finding"
            ),
        ),
        (2**53 + 1, float(2**53), "value"),
        (Fraction(1, 3), 1 / 3, "value"),
        pytest.param(
            Decimal("1E+999999999"), Decimal("1E+999999998"), "value",
            marks=pytest.mark.fault(
                "Decimals with exponents of nine digits", "they differ, at once", ends="finding"
            ),
        ),
        (b"a", "a", "dtype"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("tolerance", [sk.exact(), sk.exact(dtype=True)])
def test_what_differs_in_its_last_digit_or_key_differs(left, right, kind, tolerance):
    found, _text = shown(answers(cell(left), right, tolerance))
    assert found == kind or (tolerance.dtype and found == "dtype")


@pytest.mark.parametrize(
    ("left", "right"),
    **BY_TYPE,
    argvalues=[
        ({1: 2}, {1: 2}),
        ({np.int64(1): 2}, {1: 2}),
        ({math.nan: 1}, {float("nan"): 1}),
        ({(1, 2): 1}, {(1, 2): 1}),
        (np.longdouble(1) / 3, np.longdouble(1) / 3),
        (np.longdouble(0.25), 0.25),
        (Fraction(1, 2), Decimal("0.5")),
        (10**6000, 10**6000),
    ],
)
def test_what_is_the_same_in_two_spellings_is_the_same(left, right):
    assert answers(cell(left), right).ok


def nested(levels):
    value = 1
    for _ in range(levels):
        value = [value]
    return value


ITSELF = []
ITSELF.append(ITSELF)


class Raises(dict):
    def items(self):
        raise KeyError("x")


@pytest.mark.parametrize(
    ("value", "told"),
    [
        pytest.param(
            ITSELF, "a value nested more than 100 levels deep",
            marks=pytest.mark.fault(
                "a list that holds itself", "an error says how deep values may be", ends="finding"
            ),
        ),
        (nested(150), "a value nested more than 100 levels deep"),
        pytest.param(
            Raises(), "which raises KeyError when it is read",
            marks=pytest.mark.fault(
                "an answer that raises when it is read", "an error names it", ends="finding"
            ),
        ),
        pytest.param(
            np.timedelta64(5), "timedelta64, which raises ValueError",
            marks=pytest.mark.fault(
                "a length of time without a unit", "an error names it", ends="finding"
            ),
        ),
        (np.clongdouble(1), "a complex"),
        pytest.param(
            1j, "a complex",
            marks=pytest.mark.fault("complex numbers", "an error names the type", ends="finding"),
        ),
    ],
)  # fmt: skip
def test_what_cannot_be_compared_is_told(value, told):
    result = answers(cell(value), 1)
    assert shown(result)[0] == "error"
    assert told in " ".join(str(result).split())


def test_decimals_that_are_no_number_are_the_same_nothing():
    result = answers(cell(Decimal("NaN")), math.nan)
    assert (result.findings, result.untested) == ((), ("f",))


@pytest.mark.parametrize(
    "value",
    [
        ExactTime("datetime", Fraction(1, 1000), "UTC"),
        ExactTime("duration", Fraction(1, 3)),
        Fraction(1, 3),
        {1: {(1, 2): None}},
    ],
)
def test_exact_values_cross_between_processes(value):
    assert decode(encode(value)) == value


@pytest.mark.parametrize("value", [10**6000, {1: 2}, Fraction(1, 3), pd.Timestamp(1)], **BY_TYPE)
def test_odd_values_fit_into_a_report(value):
    assert answers(cell(value), 1, sk.close()).to_dict()["outcomes"]
