"""Payloads through wire formats, and answers through stores: what comes back, and what is lost."""
# ruff: noqa: DTZ001 - naive times are among what is tested

import math
import sys
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

import polars as pl
import pytest
from hypothesis import Phase, example, given, settings
from hypothesis import strategies as st

import skewtest as sk
from skewtest.deliver.store import make_store
from skewtest.deliver.wire import wire_reader

FORMATS = ("json", "msgpack", "avro", "arrow")
ROME = "Europe/Rome"
SCHEMA = {
    "id": pl.String(),
    "n": pl.Int64(),
    "amount": pl.Float64(),
    "gold": pl.Boolean(),
    "at": pl.Datetime("us", "UTC"),
    "local": pl.Datetime("us", ROME),
    "wall": pl.Datetime("us", None),
    "day": pl.Date(),
    "wait": pl.Duration("us"),
    "parts": pl.List(pl.Float64()),
    "home": pl.Struct({"city": pl.String(), "since": pl.Datetime("us", "UTC")}),
}
MOMENTS = st.datetimes(datetime(1971, 1, 1), datetime(2200, 1, 1))
AWARE = MOMENTS.map(lambda moment: moment.replace(tzinfo=UTC))
NUMBERS = st.floats(allow_nan=False, allow_infinity=False)
PAYLOADS = st.fixed_dictionaries(
    {
        "id": st.sampled_from([None, "", " a ", "\x00", "\U0001f600"]) | st.text(max_size=5),
        "n": st.none() | st.integers(-(2**63), 2**63 - 1),
        "amount": st.none() | NUMBERS,
        "gold": st.none() | st.booleans(),
        "at": st.none() | AWARE,
        "local": st.none() | AWARE.map(lambda moment: moment.astimezone(ZoneInfo(ROME))),
        "wall": st.none() | MOMENTS,
        "day": st.none() | st.dates(date(1971, 1, 1), date(2200, 1, 1)),
        "wait": st.none() | st.timedeltas(timedelta(-9000), timedelta(9000)),
        "parts": st.none() | st.lists(NUMBERS, max_size=3),
        "home": st.none() | st.fixed_dictionaries({"city": st.text("ab"), "since": AWARE}),
    }
)


LATE = datetime(2024, 3, 31, 1, 59, 59, 999_999, tzinfo=UTC)
ODD = {
    "id": " a ",
    "n": 2**53 + 1,
    "amount": -0.0,
    "gold": None,
    "at": LATE,
    "local": LATE.astimezone(ZoneInfo(ROME)),
    "wall": LATE.replace(tzinfo=None),
    "day": date(2024, 2, 29),
    "wait": -timedelta(microseconds=1),
    "parts": [0.1],
    "home": {"city": "", "since": LATE},
}
"""What a careless codec loses, whatever else is drawn."""


def zones(payload):
    """Return the zones of the datetimes of a payload: equal instants may differ in them."""
    moments = {n: v for n, v in payload.items() if isinstance(v, datetime)}
    return {name: str(moment.tzinfo) for name, moment in moments.items()}


def codec_of(wire, schema):
    """Return what a wire format makes of a payload, column by column."""
    readers = {name: wire_reader(wire, dtype) for name, dtype in schema.items()}

    def through(payload):
        columns = {n: pl.Series(n, [value], dtype=schema[n]) for n, value in payload.items()}
        return {name: readers[name](column)[0] for name, column in columns.items()}

    return through


def assert_comes_back(codec):
    """Assert that payloads, types, zones and all, are the same after the round trip."""

    @settings(
        max_examples=40, deadline=None, database=None, phases=[Phase.explicit, Phase.generate]
    )
    @example(ODD)
    @given(PAYLOADS)
    def check(payload):
        received = codec(dict(payload))
        assert received == payload
        assert {n: type(v) for n, v in received.items()} == {n: type(v) for n, v in payload.items()}
        assert zones(received) == zones(payload)

    check()


@pytest.mark.parametrize("wire", FORMATS)
def test_what_a_format_can_hold_comes_back(wire):
    assert_comes_back(codec_of(wire, SCHEMA))


@pytest.mark.parametrize("wire", ["msgpack", "avro", "arrow"])
def test_odd_floats_come_back_through_binary_formats(wire):
    codec = codec_of(wire, {"x": pl.Float64()})
    assert math.isnan(codec({"x": math.nan})["x"])
    assert codec({"x": -math.inf}) == {"x": -math.inf}
    assert math.copysign(1, codec({"x": -0.0})["x"]) == -1


def test_json_has_no_nan_and_no_infinity():
    codec = codec_of("json", {"x": pl.Float64(), "parts": pl.List(pl.Float64())})
    assert codec({"x": math.nan, "parts": [1.0, math.inf]}) == {"x": None, "parts": [1.0, None]}
    assert math.copysign(1, codec({"x": -0.0})["x"]) == -1


def test_json_keeps_microseconds_and_big_ints():
    codec = codec_of("json", {"n": pl.Int64(), "at": pl.Datetime("us", "UTC")})
    payload = {"n": 2**53 + 1, "at": datetime(2024, 3, 8, 0, 0, 0, 1, tzinfo=UTC)}
    assert codec(payload) == payload


@pytest.mark.parametrize("wire", FORMATS)
def test_a_column_comes_back_value_by_value(wire):
    payloads = [ODD, dict.fromkeys(SCHEMA), ODD]
    frame = pl.DataFrame(payloads, schema=SCHEMA)
    for name, dtype in SCHEMA.items():
        received = wire_reader(wire, dtype)(frame[name])
        assert received == [payload[name] for payload in payloads]


@pytest.mark.parametrize("wire", FORMATS)
def test_nulls_inside_of_lists_and_structs_come_back(wire):
    schema = {
        "parts": pl.List(pl.Datetime("us", ROME)),
        "home": pl.Struct({"a b": pl.Struct({"since": pl.Date()}), "n": pl.Int64()}),
    }
    payload = {"parts": [None, ODD["local"]], "home": {"a b": {"since": None}, "n": None}}
    assert codec_of(wire, schema)(payload) == payload


@pytest.mark.parametrize("wire", FORMATS)
def test_values_without_parts_of_every_kind_come_back(wire):
    kinds = {
        "small": (pl.Int8(), -128),
        "large": (pl.UInt64(), 2**63 - 1),
        "short": (pl.Float32(), 0.5),
        "kind": (pl.Categorical(), "a"),
        "level": (pl.Enum(["low", "high"]), "high"),
        "hour": (pl.Time(), LATE.time()),
        "raw": (pl.Binary(), b"\x00\xff"),
        "price": (pl.Decimal(10, 2), Decimal("1.10")),
        "nothing": (pl.Null(), None),
        "ms": (pl.Datetime("ms", "UTC"), LATE.replace(microsecond=999_000)),
        "vector": (pl.Array(pl.Float64(), 2), [0.1, 2.0]),
    }
    payload = {name: value for name, (_, value) in kinds.items()}
    received = codec_of(wire, {name: dtype for name, (dtype, _) in kinds.items()})(payload)
    assert received == payload
    assert {n: type(v) for n, v in received.items()} == {n: type(v) for n, v in payload.items()}


@pytest.mark.parametrize("wire", FORMATS)
def test_a_payload_comes_back_as_another_object(wire):
    column = pl.Series([[1.0]])
    first, second = (wire_reader(wire, column.dtype)(column)[0] for _ in range(2))
    assert first is not second


def test_decimals_travel_as_text():
    for wire in ("json", "msgpack", "avro"):
        codec = codec_of(wire, {"x": pl.Decimal(10, 2)})
        assert codec({"x": Decimal("1.10")}) == {"x": Decimal("1.10")}


@pytest.mark.parametrize("library", ["msgpack", "fastavro"])
def test_a_missing_library_is_told(library, monkeypatch):
    monkeypatch.setitem(sys.modules, library, None)
    wire = {"msgpack": "msgpack", "fastavro": "avro"}[library]
    with pytest.raises(sk.DeclarationError) as told:
        wire_reader(wire, pl.Int64())
    assert str(told.value) == (
        f"the wire format needs {library}; install it with: pip install 'skewtest[wire]'"
    )


# -- planted codecs: what a wrong one loses is seen ------------------------------------------------


def changed(rule):
    """Return the JSON codec with each value changed."""
    codec = codec_of("json", SCHEMA)
    return lambda payload: {name: rule(value) for name, value in codec(payload).items()}


def cut_to_seconds(value):
    return value.replace(microsecond=0) if isinstance(value, datetime) else value


def cut_to_utc(value):
    return value.astimezone(UTC) if isinstance(value, datetime) and value.tzinfo else value


def as_float(value):
    return float(value) if type(value) is int else value


def as_zero(value):
    return 0 if value is None else value


def stripped(value):
    return value.strip() if isinstance(value, str) else value


@pytest.mark.parametrize("rule", [cut_to_seconds, cut_to_utc, as_float, as_zero, stripped])
def test_a_wrong_codec_is_caught(rule):
    with pytest.raises(AssertionError):
        assert_comes_back(changed(rule))


# -- stores ----------------------------------------------------------------------------------------


def test_float32_rounds_floats_and_nothing_else():
    store = make_store("float32")
    assert store(0.1) == 0.10000000149011612
    assert store([0.1, 2]) == [0.10000000149011612, 2]
    assert store({"x": 0.1}) == {"x": 0.10000000149011612}
    assert store(1e300) == math.inf
    for value in (2**53 + 1, True, "a", None, datetime(2024, 1, 1, tzinfo=UTC)):
        assert store(value) == value


def test_a_json_store_holds_what_json_holds():
    store = make_store("json")
    assert store(math.nan) is None
    assert store([1, -math.inf]) == [1, None]
    assert store(2**63) == 2**63
    assert store(datetime(2024, 1, 1, tzinfo=UTC)) == "2024-01-01T00:00:00+00:00"
    assert store(Decimal("1.50")) == "1.50"


def test_a_store_of_ones_own_is_used_as_it_is():
    assert make_store(round)(1.6) == 2
    assert make_store("none")("a") == "a"
