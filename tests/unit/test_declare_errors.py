"""What a wrong declaration is answered: each message in full."""
# ruff: noqa: DTZ001 - naive times are among what is tested

import math
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import polars as pl
import pytest
from hypothesis import strategies as st

import skewtest as sk

MOMENT = datetime(2024, 3, 8, tzinfo=UTC)
NAIVE = datetime(2024, 3, 8)
KEYS = {"user_id": sk.key()}
COLUMNS = (
    "must be a column such as key(), floats(0, 1), ints(), categories('a', 'b') "
    "or a Hypothesis strategy"
)


def source(name="orders", **changed):
    return sk.Source(name, **{"time": "ts", "columns": {**KEYS, "amount": sk.ints()}, **changed})


def view(name="spend", **changed):
    given = {
        "sources": [source()],
        "entity": ["user_id"],
        "batch": None,
        "online": None,
        "features": {"n": sk.exact()},
    }
    return sk.FeatureView(name, **{**given, **changed})


def answers(call):
    with pytest.raises(sk.DeclarationError) as caught:
        call()
    return str(caught.value)


def cases(table):
    return pytest.mark.parametrize(
        ("call", "message"), list(table.values()), ids=[name.replace(" ", "-") for name in table]
    )


TIMELESS = (
    "Source('orders'): time must be a column name; got {}. A dimension needs one too: the column "
    "that says from when a row holds, without which nobody knows what was true as of a moment"
)


@cases(
    {
        "unknown key type": (
            lambda: sk.key("strng"),
            (
                "key(type=...) must be one of 'string', 'int', 'int32'; got 'strng'. "
                "Did you mean 'string'?"
            ),
        ),
        "key type far from any": (
            lambda: sk.key("uuid4"),
            "key(type=...) must be one of 'string', 'int', 'int32'; got 'uuid4'.",
        ),
        "floats from NaN": (
            lambda: sk.floats(math.nan, 1),
            "floats(min=...) must be a finite number; got nan",
        ),
        "floats up to infinity": (
            lambda: sk.floats(0, math.inf),
            "floats(max=...) must be a finite number; got inf",
        ),
        "floats up to a string": (
            lambda: sk.floats(0, "1"),
            "floats(max=...) must be a finite number; got '1'",
        ),
        "floats from a bool": (
            lambda: sk.floats(True, 2),
            "floats(min=...) must be a finite number; got True",
        ),
        "floats crossed": (
            lambda: sk.floats(2, 1),
            "floats(min, max): min must not exceed max; got 2 > 1",
        ),
        "floats in steps of zero": (
            lambda: sk.floats(0, 1, step=0),
            "floats(step=...) must be a number above 0; got 0",
        ),
        "floats in negative steps": (
            lambda: sk.floats(0, 1, step=-0.01),
            "floats(step=...) must be a number above 0; got -0.01",
        ),
        "floats in steps of a string": (
            lambda: sk.floats(0, 1, step="0.01"),
            "floats(step=...) must be a number above 0; got '0.01'",
        ),
        "ints from a float": (
            lambda: sk.ints(0.5, 2),
            "ints(min=...) must be an int of 64 bits; got 0.5",
        ),
        "ints up to a bool": (
            lambda: sk.ints(0, True),
            "ints(max=...) must be an int of 64 bits; got True",
        ),
        "ints beyond 64 bits": (
            lambda: sk.ints(0, 2**63),
            "ints(max=...) must be an int of 64 bits; got 9223372036854775808",
        ),
        "ints crossed": (
            lambda: sk.ints(1, 0),
            "ints(min, max): min must not exceed max; got 1 > 0",
        ),
        "categories without values": (
            sk.categories,
            "categories(...) needs at least one value; got nothing",
        ),
        "categories of numbers": (
            lambda: sk.categories("a", 1),
            (
                "categories(...) takes strings; got 1 (int). "
                "For numbers use ints() or hypothesis.strategies.sampled_from()."
            ),
        ),
        "categories in a list": (
            lambda: sk.categories(["a", "b"]),
            (
                "categories(...) takes strings; got ['a', 'b'] (list). "
                "For numbers use ints() or hypothesis.strategies.sampled_from()."
            ),
        ),
        "categories twice": (
            lambda: sk.categories("a", "b", "a"),
            "categories(...) got 'a' twice; each value once",
        ),
        "strings of no length": (
            lambda: sk.strings(max_size=0),
            "strings(max_size=...) must be an int above 0; got 0",
        ),
        "strings of half a length": (
            lambda: sk.strings(max_size=1.5),
            "strings(max_size=...) must be an int above 0; got 1.5",
        ),
        "timestamps from a string": (
            lambda: sk.timestamps("2024-03-08"),
            "timestamps(min=...) must be a datetime; got '2024-03-08'",
        ),
        "timestamps from a naive datetime": (
            lambda: sk.timestamps(NAIVE),
            (
                "timestamps(min=...) must be an aware datetime; got the naive "
                "datetime.datetime(2024, 3, 8, 0, 0). "
                "Add tzinfo=timezone.utc, or declare the times as naive with zone=None."
            ),
        ),
        "naive timestamps up to an aware datetime": (
            lambda: sk.timestamps(None, MOMENT, zone=None),
            (
                "timestamps(max=...) must be naive because zone=None; "
                "got datetime.datetime(2024, 3, 8, 0, 0, tzinfo=datetime.timezone.utc)"
            ),
        ),
        "timestamps crossed": (
            lambda: sk.timestamps(datetime(2024, 3, 9), datetime(2024, 3, 8), zone=None),
            (
                "timestamps(min, max): min must not exceed max; "
                "got datetime.datetime(2024, 3, 9, 0, 0) > datetime.datetime(2024, 3, 8, 0, 0)"
            ),
        ),
        "vectors of no size": (
            lambda: sk.vectors(0),
            "vectors(size=...) must be an int above 0; got 0",
        ),
        "vectors of a bool's size": (
            lambda: sk.vectors(True),
            "vectors(size=...) must be an int above 0; got True",
        ),
        "vectors up to infinity": (
            lambda: sk.vectors(3, 0, math.inf),
            "floats(max=...) must be a finite number; got inf",
        ),
        "structs without fields": (
            lambda: sk.structs({}),
            "structs(...) needs a dict of columns; got {}",
        ),
        "structs of a list": (
            lambda: sk.structs(["x"]),
            "structs(...) needs a dict of columns; got ['x']",
        ),
        "structs of no column": (
            lambda: sk.structs({"x": 1}),
            f"structs('x') {COLUMNS}; got 1.",
        ),
    }
)
def test_a_wrong_column_kind_is_told(call, message):
    assert answers(call) == message


@cases(
    {
        "floats beyond float64": (
            lambda: sk.floats(0, 10**400),
            f"floats(max=...) must be a finite number; got {10**400}",
        ),
        "timestamps of an unknown unit": (
            lambda: sk.timestamps(unit="s"),
            "timestamps(unit=...) must be one of 'ms', 'us', 'ns'; got 's'",
        ),
        "timestamps of an unknown zone": (
            lambda: sk.timestamps(zone="Mars/Base"),
            (
                "timestamps(zone=...) must be an IANA time zone name such as 'America/New_York' "
                "or None; got 'Mars/Base'"
            ),
        ),
    }
)
def test_a_column_kind_that_no_frame_can_hold_is_told_when_it_is_declared(call, message):
    assert answers(call) == message


@cases(
    {
        "negative rel": (
            lambda: sk.close(rel=-1),
            "close(rel=...) must be a number of at least 0; got -1",
        ),
        "rel as a string": (
            lambda: sk.close(rel="1e-9"),
            "close(rel=...) must be a number of at least 0; got '1e-9'",
        ),
        "rel as NaN": (
            lambda: sk.close(rel=math.nan),
            "close(rel=...) must be a number of at least 0; got nan",
        ),
        "rel as a bool": (
            lambda: sk.close(rel=True),
            "close(rel=...) must be a number of at least 0; got True",
        ),
        "negative abs": (
            lambda: sk.close(abs=-0.5),
            "close(abs=...) must be a number or a timedelta of at least 0; got -0.5",
        ),
        "negative timedelta": (
            lambda: sk.close(abs=timedelta(seconds=-1)),
            (
                "close(abs=...) must be a number or a timedelta of at least 0; "
                "got datetime.timedelta(days=-1, seconds=86399)"
            ),
        ),
        "ulps as a float": (
            lambda: sk.close(ulps=4.0),
            "close(ulps=...) must be an int of at least 0; got 4.0",
        ),
        "negative ulps": (
            lambda: sk.close(ulps=-1),
            "close(ulps=...) must be an int of at least 0; got -1",
        ),
        "cosine as a string": (
            lambda: sk.vector(cosine="near"),
            "vector(cosine=...) must be a number of at least 0; got 'near'",
        ),
        "negative cosine": (
            lambda: sk.vector(cosine=-0.1),
            "vector(cosine=...) must be a number of at least 0; got -0.1",
        ),
    }
)
def test_a_wrong_tolerance_is_told(call, message):
    assert answers(call) == message


@cases(
    {
        "name with a dash": (
            lambda: source("web-orders"),
            "Source name must be a Python identifier; got 'web-orders'",
        ),
        "no name": (lambda: source(None), "Source name must be a Python identifier; got None"),
        "no columns": (
            lambda: source(columns={}),
            (
                "Source('orders'): columns must be a dict of column name to column, at least one; "
                "got {}"
            ),
        ),
        "columns in a list": (
            lambda: source(columns=["user_id"]),
            (
                "Source('orders'): columns must be a dict of column name to column, at least one; "
                "got ['user_id']"
            ),
        ),
        "only the time column": (
            lambda: source(columns={"ts": sk.timestamps()}),
            "Source('orders'): columns has only the time column; add the entity key",
        ),
        "time without a name": (
            lambda: source(time=""),
            TIMELESS.format("''"),
        ),
        "a dimension without time": (
            lambda: sk.Source("tiers", columns={"user_id": sk.key(), "tier": sk.strings()}),
            TIMELESS.format("''").replace("orders", "tiers"),
        ),
        "time that is no name": (
            lambda: source(time=None),
            TIMELESS.format("None"),
        ),
        "time column of another kind": (
            lambda: source(time="amount"),
            (
                "Source('orders'): time column 'amount' must be timestamps() or left out of columns; "  # noqa: E501 - the message in full
                "got ints()"
            ),
        ),
        "hidden column name": (
            lambda: source(columns={"#lane": sk.key()}),
            (
                "Source('orders'): a column name must be a string that does not start with '#'; "
                "got '#lane'"
            ),
        ),
        "numbered column": (
            lambda: source(columns={1: sk.key()}),
            "Source('orders'): a column name must be a string that does not start with '#'; got 1",
        ),
        "column that is a type": (
            lambda: source(columns={**KEYS, "amount": None}),
            f"Source('orders'): column 'amount' {COLUMNS}; got None.",
        ),
        "unknown unit": (
            lambda: source(unit="s"),
            "Source('orders'): unit must be one of 'ms', 'us', 'ns'; got 's'",
        ),
        "unknown zone": (
            lambda: source(zone="New York"),
            (
                "Source('orders'): zone must be an IANA time zone name such as 'America/New_York' "
                "or None; got 'New York'"
            ),
        ),
        "zone that is no name": (
            lambda: source(zone=5),
            (
                "Source('orders'): zone must be an IANA time zone name such as 'America/New_York' "
                "or None; got 5"
            ),
        ),
        "arrival of another kind": (
            lambda: source(arrival="amount"),
            (
                "Source('orders'): arrival must name a timestamps() column, "
                "one of 'user_id', 'amount'; got 'amount'."
            ),
        ),
        "naive start": (
            lambda: source(start=NAIVE),
            (
                "Source('orders'): start must be an aware datetime; got the naive "
                "datetime.datetime(2024, 3, 8, 0, 0). "
                "Add tzinfo=timezone.utc, or declare the times as naive with zone=None."
            ),
        ),
        "aware end of a naive source": (
            lambda: source(end=MOMENT, zone=None),
            (
                "Source('orders'): end must be naive because zone=None; "
                "got datetime.datetime(2024, 3, 8, 0, 0, tzinfo=datetime.timezone.utc)"
            ),
        ),
        "end that is no datetime": (
            lambda: source(end="2024-03-08"),
            "Source('orders'): end must be a datetime; got '2024-03-08'",
        ),
        "end at the start": (
            lambda: source(start=MOMENT, end=MOMENT),
            (
                "Source('orders'): start must be before end; "
                "got 2024-03-08T00:00:00+00:00 and 2024-03-08T00:00:00+00:00"
            ),
        ),
        "null rate of an unknown column": (
            lambda: source(null_rates={"amuont": 0.1}),
            (
                "Source('orders'): null_rates takes a share of 0 to 1 for a declared column; "
                "got 'amuont': 0.1. Did you mean 'amount'?"
            ),
        ),
        "null rate above 1": (
            lambda: source(null_rates={"user_id": 1.5}),
            (
                "Source('orders'): null_rates takes a share of 0 to 1 for a declared column; "
                "got 'user_id': 1.5."
            ),
        ),
    }
)
def test_a_wrong_source_is_told(call, message):
    assert answers(call) == message


def test_a_column_kind_that_was_not_called_is_told_with_the_call():
    message = answers(lambda: source(columns={"user_id": sk.key}))
    assert message.startswith(f"Source('orders'): column 'user_id' {COLUMNS}; got <function key at")
    assert message.endswith(">. Call it: key().")


def test_a_strategy_of_mixed_types_is_told_with_examples():
    message = answers(
        lambda: source(columns={**KEYS, "x": st.sampled_from([1, "a"]).map(lambda x: x)})
    )
    assert message.startswith(
        "Source('orders'): column 'x': no frame column can hold what the strategy "
    )
    assert "for example [" in message


def test_a_strategy_of_objects_is_told_with_their_type():
    strategy = st.builds(SimpleNamespace)
    assert answers(lambda: source(columns={**KEYS, "x": strategy})) == (
        "Source('orders'): column 'x': the strategy builds(SimpleNamespace) draws SimpleNamespace "
        "objects, which no frame column can hold; map it to numbers, strings, dates or lists"
    )


NAMES = (
    "FeatureView name must be made of letters, digits, '_', '-' and '.', and not of dots alone; "
)


@cases(
    {
        "name with a slash": (
            lambda: view("a/b"),
            NAMES + "got 'a/b'",
        ),
        "empty name": (
            lambda: view(""),
            NAMES + "got ''",
        ),
        "name of dots": (
            lambda: view(".."),
            NAMES + "got '..'",
        ),
        "an entity of ids": (
            lambda: view(sources=[sk.Source("orders", time="ts", columns={"user_id": sk.ids()})]),
            (
                "FeatureView('spend'): entity column 'user_id' is declared as ids(), which no two "
                "events share; declare it as key()"
            ),
        ),
        "no sources": (
            lambda: view(sources=[]),
            "FeatureView('spend'): sources must be a list of at least one Source; got []",
        ),
        "sources by name": (
            lambda: view(sources=["orders"]),
            "FeatureView('spend'): sources takes Source objects; got 'orders'",
        ),
        "two sources of one name": (
            lambda: view(sources=[source(), source()]),
            "FeatureView('spend'): two sources are called 'orders'; rename one",
        ),
        "a source called spine": (
            lambda: view(sources=[source("spine")]),
            (
                "FeatureView('spend'): a source cannot be called 'spine' here, because batch "
                "functions take another frame under that name; rename it"
            ),
        ),
        "events among several sources": (
            lambda: view(sources=[source(), source("events")]),
            (
                "FeatureView('spend'): a source cannot be called 'events' here, because batch "
                "functions take another frame under that name; rename it"
            ),
        ),
        "sources of several units": (
            lambda: view(sources=[source(), source("visits", unit="ms", zone=None)]),
            (
                "FeatureView('spend'): sources must share unit and zone; "
                "got orders: us UTC, visits: ms naive"
            ),
        ),
        "entity as a string": (
            lambda: view(entity="user_id"),
            (
                "FeatureView('spend'): entity must be a list of column names, [] where features "
                "are of all events; got 'user_id'"
            ),
        ),
        "entity as None": (
            lambda: view(entity=None),
            (
                "FeatureView('spend'): entity must be a list of column names, [] where features "
                "are of all events; got None"
            ),
        ),
        "unknown entity column": (
            lambda: view(entity=["usr_id"]),
            (
                "FeatureView('spend'): entity names 'usr_id', which no source has as a column; "
                "there are 'user_id', 'amount'. Did you mean 'user_id'?"
            ),
        ),
        "time as the entity": (
            lambda: view(entity=["ts"]),
            (
                "FeatureView('spend'): entity names 'ts', which no source has as a column; "
                "there are 'user_id', 'amount'."
            ),
        ),
        "entity twice": (
            lambda: view(entity=["user_id", "user_id"]),
            "FeatureView('spend'): entity names a column twice; got ['user_id', 'user_id']",
        ),
        "entity of two types": (
            lambda: view(sources=[source(), source("visits", columns={"user_id": sk.key("int")})]),
            (
                "FeatureView('spend'): entity column 'user_id' has different types in its sources: "
                "Int64, String; declare it alike"
            ),
        ),
        "batch that is no function": (
            lambda: view(batch="batch"),
            "FeatureView('spend'): batch must be a function; got 'batch'",
        ),
        "online that is no factory": (
            lambda: view(online=5),
            "FeatureView('spend'): online must be a class or a function without arguments; got 5",
        ),
        "no features": (
            lambda: view(features={}),
            "FeatureView('spend'): features is empty; a view needs at least one feature",
        ),
        "features in a list": (
            lambda: view(features=["n", "total"]),
            (
                "FeatureView('spend'): features must be a dict of feature name to close(), exact() "
                "or vector(cosine=...); got ['n', 'total']"
            ),
        ),
        "a feature twice": (
            lambda: view(features=["n", "total", "n"]),
            (
                "FeatureView('spend'): features must be a dict of feature name to close(), exact() "
                "or vector(cosine=...); got ['n', 'total', 'n']; 'n' is there twice"
            ),
        ),
        "a feature without a name": (
            lambda: view(features={"": sk.exact()}),
            "FeatureView('spend'): a feature name must be a string; got ''",
        ),
        "a feature called as a key": (
            lambda: view(features={"user_id": sk.exact()}),
            "FeatureView('spend'): feature 'user_id' has the name of a key column",
        ),
        "a feature called as_of": (
            lambda: view(features={"as_of": sk.exact()}),
            "FeatureView('spend'): feature 'as_of' has the name of a key column",
        ),
        "a number as the tolerance": (
            lambda: view(features={"n": 1e-9}),
            (
                "FeatureView('spend'): tolerance of feature 'n' must be close(), exact() or "
                "vector(cosine=...); got 1e-09."
            ),
        ),
        "a string as the tolerance": (
            lambda: view(features={"n": "exact"}),
            (
                "FeatureView('spend'): tolerance of feature 'n' must be close(), exact() or "
                "vector(cosine=...); got 'exact'."
            ),
        ),
        "a window of zero": (
            lambda: view(windows=[timedelta(0)]),
            "FeatureView('spend'): a window must be a timedelta above 0; got datetime.timedelta(0)",
        ),
        "a negative window": (
            lambda: view(windows=[timedelta(days=7), timedelta(days=-7)]),
            (
                "FeatureView('spend'): a window must be a timedelta above 0; "
                "got datetime.timedelta(days=-7)"
            ),
        ),
        "a window in days": (
            lambda: view(windows=[7]),
            "FeatureView('spend'): a window must be a timedelta above 0; got 7",
        ),
        "one window without its list": (
            lambda: view(windows=timedelta(days=7)),
            (
                "FeatureView('spend'): windows must be a list of timedeltas; "
                "got datetime.timedelta(days=7)"
            ),
        ),
        "as_of of another word": (
            lambda: view(as_of="inclusiv"),
            (
                "FeatureView('spend'): as_of must be one of 'exclusive', 'inclusive'; got 'inclusiv'. "  # noqa: E501 - the message in full
                "Did you mean 'inclusive'?"
            ),
        ),
        "scope of another word": (
            lambda: view(scope="all"),
            "FeatureView('spend'): scope must be one of 'entity', 'global'; got 'all'.",
        ),
        "request in a list": (
            lambda: view(request=["amount"]),
            "FeatureView('spend'): request must be a dict of columns; got ['amount']",
        ),
        "request column that is the entity": (
            lambda: view(request={"user_id": sk.key()}),
            "FeatureView('spend'): request column 'user_id' is already on the spine",
        ),
        "request column as_of": (
            lambda: view(request={"as_of": sk.timestamps()}),
            "FeatureView('spend'): request column 'as_of' is already on the spine",
        ),
        "request column of no kind": (
            lambda: view(request={"amount": float}),
            (
                f"FeatureView('spend'): request column 'amount' {COLUMNS}; got <class 'float'>."
                " Call it: key()."
            ),
        ),
        "unknown zone": (
            lambda: view(zone="EST5"),
            (
                "FeatureView('spend'): zone must be an IANA time zone name such as "
                "'America/New_York' or None; got 'EST5'"
            ),
        ),
        "delivery by name": (
            lambda: view(delivery="in_order"),
            "FeatureView('spend'): delivery must be a Delivery; got 'in_order'",
        ),
        "equal as a string": (
            lambda: view(equal="null"),
            (
                "FeatureView('spend'): equal must name at least two of 'null', 'nan', 'missing'; "
                "got 'null'"
            ),
        ),
        "equal to nothing else": (
            lambda: view(equal=["null"]),
            (
                "FeatureView('spend'): equal must name at least two of 'null', 'nan', 'missing'; "
                "got ['null']"
            ),
        ),
        "equal of another word": (
            lambda: view(equal=["null", "none"]),
            (
                "FeatureView('spend'): equal must name at least two of 'null', 'nan', 'missing'; "
                "got ['null', 'none']"
            ),
        ),
        "no time to answer": (
            lambda: view(timeout=0),
            "FeatureView('spend'): timeout must be seconds above 0; got 0",
        ),
        "timeout as a string": (
            lambda: view(timeout="10"),
            "FeatureView('spend'): timeout must be seconds above 0; got '10'",
        ),
        "timeout that is no number": (
            lambda: view(timeout=math.nan),
            "FeatureView('spend'): timeout must be seconds above 0; got nan",
        ),
        "unknown delivery": (
            lambda: sk.Delivery(order="late"),
            "Delivery(order=...) must be one of 'in_order', 'any'; got 'late'.",
        ),
    }
)
def test_a_wrong_view_is_told(call, message):
    assert answers(call) == message


FRAME = pl.DataFrame(
    {"user_id": ["a", "b"], "amount": [1, 2], "ts": [MOMENT, MOMENT], "label": ["x", "y"]},
    schema_overrides={"ts": pl.Datetime("us", "UTC")},
)


@cases(
    {
        "unknown time column": (
            lambda: sk.Source.from_polars(FRAME, "orders", time="time"),
            (
                "Source('orders'): time names 'time', which is no column of the log; "
                "it has 'user_id', 'amount', 'ts', 'label'."
            ),
        ),
        "unknown key column": (
            lambda: sk.Source.from_polars(FRAME, "orders", time="ts", keys=["userid"]),
            (
                "Source('orders'): keys names 'userid', which is no column of the log; "
                "it has 'user_id', 'amount', 'ts', 'label'. Did you mean 'user_id'?"
            ),
        ),
        "declaration of an unknown column": (
            lambda: sk.Source.from_polars(
                FRAME, "orders", time="ts", columns={"labels": sk.strings()}
            ),
            (
                "Source('orders'): columns names 'labels', which is no column of the log; "
                "it has 'user_id', 'amount', 'ts', 'label'. Did you mean 'label'?"
            ),
        ),
        "time as text": (
            lambda: sk.Source.from_polars(FRAME, "orders", time="label"),
            (
                "Source('orders'): time column 'label' must be a Datetime; got String. "
                "Convert it first, for example with .str.to_datetime() or pl.from_epoch()."
            ),
        ),
        "events without a time": (
            lambda: sk.Source.from_polars(
                FRAME.with_columns(ts=pl.when(pl.col("amount") == 1).then("ts")),
                "orders",
                time="ts",
            ),
            (
                "Source('orders'): time column 'ts' is null in 1 of 2 events; "
                "drop or fix them first: an event without a time cannot be ordered"
            ),
        ),
        "key of a fractional type": (
            lambda: sk.Source.from_polars(
                FRAME.with_columns(pl.col("user_id").cum_count() / 2),
                "orders",
                time="ts",
                keys=["user_id"],
            ),
            "Source('orders'): key 'user_id' must be a string or an integer; got Float64",
        ),
        "column of a type that cannot be learned": (
            lambda: sk.Source.from_polars(
                FRAME.with_columns(pl.col("label").cast(pl.Binary)), "orders", time="ts"
            ),
            (
                "Source('orders'): column 'label' has type Binary, which cannot be learned; "
                "declare it with columns={'label': <column or Hypothesis strategy>} or drop it"
            ),
        ),
        "an arrow array": (
            lambda: sk.Source.from_arrow(FRAME["amount"].to_arrow(), "orders", time="ts"),
            (
                "Source('orders'): the log must be a polars, pandas or pyarrow table, or the path "
                "of a .parquet or .csv file; got Int64Array"
            ),
        ),
        "a schema that is a class": (
            lambda: sk.Source.from_pandera(dict, "orders", time="ts"),
            (
                "Source('orders'): from_pandera takes a DataFrameSchema (or Model.to_schema()); "
                "got <class 'dict'>"
            ),
        ),
    }
)
def test_a_log_that_cannot_be_learned_is_told(call, message):
    assert answers(call) == message


def test_a_parquet_file_that_is_not_there_is_told_with_its_path(tmp_path):
    path = tmp_path / "orders.parquet"
    message = answers(lambda: sk.Source.from_parquet(path, "orders", time="ts"))
    assert message.startswith(f"from_parquet cannot read '{path}': ")


@cases(
    {
        "no view": (
            lambda: sk.check("spend"),
            "check takes a FeatureView; got 'spend'",
        ),
        "no histories": (
            lambda: sk.check(view(), histories=0),
            "check(histories=...) must be an int above 0; got 0",
        ),
        "half a history": (
            lambda: sk.check(view(), histories=0.5),
            "check(histories=...) must be an int above 0; got 0.5",
        ),
        "unknown scenario": (
            lambda: sk.check(view(), scenarios=["in_ordr"]),
            (
                "check(scenarios=...) must be among 'in_order', 'ties', 'reordered', 'late', "
                "'duplicated', 'restarted', 'split', 'bootstrapped', 're-encoded', 'stored', "
                "'zoned', 'idle', 'relations'; got 'in_ordr'. Did you mean 'in_order'?"
            ),
        ),
        "scenarios that are a string": (
            lambda: sk.check(view(), scenarios="in_order"),
            "check(scenarios=...) must be a list of names; got 'in_order'. Write ['in_order'].",
        ),
        "a seed that is a text": (
            lambda: sk.check(view(), seed="7"),
            "check(seed=...) must be an int of at least 0; got '7'",
        ),
        "a seed below zero": (
            lambda: sk.check(view(), seed=-1),
            "check(seed=...) must be an int of at least 0; got -1",
        ),
        "a log with null times": (
            lambda: sk.replay(view(), FRAME.with_columns(ts=pl.lit(None, FRAME["ts"].dtype))),
            (
                f"replay('spend'): 'ts' of 'orders' has {FRAME.height} nulls, the first in row 0; "
                "an event must have a time. Drop those rows, or fill them."
            ),
        ),
        "a log with times that are numbers": (
            lambda: sk.replay(view(), FRAME.with_columns(ts=pl.lit(7))),
            (
                "replay('spend'): 'ts' of 'orders' must be a Datetime column; got Int32. Cast it, "
                "for instance with pl.from_epoch('ts') or .str.to_datetime()."
            ),
        ),
        "a log with naive times": (
            lambda: sk.replay(view(), FRAME.with_columns(pl.col("ts").dt.replace_time_zone(None))),
            (
                "replay('spend'): 'ts' of 'orders' has no zone, and the source is declared with "
                "one. Use .dt.replace_time_zone(...), or declare Source(zone=...) alike."
            ),
        ),
        "one frame for two sources": (
            lambda: sk.replay(view(sources=[source(), source("visits")]), FRAME),
            "replay('spend'): events must be a dict of frames, one for each of 'orders', 'visits'",
        ),
        "a source that is not replayed": (
            lambda: sk.replay(view(), {"visits": FRAME}),
            "replay('spend'): events has no source 'orders'",
        ),
        "a log without a column": (
            lambda: sk.replay(view(), FRAME.drop("amount")),
            (
                "replay('spend'): the log of 'orders' has no column 'amount'; "
                "it has 'user_id', 'ts', 'label'."
            ),
        ),
        "a spine without as_of": (
            lambda: sk.replay(view(), FRAME, FRAME.select("user_id")),
            "replay('spend'): the spine has no column 'as_of'; it has 'user_id'.",
        ),
        "request columns without a spine": (
            lambda: sk.replay(view(request={"limit": sk.ints()}), FRAME),
            (
                "replay('spend') needs a spine: the view has request columns 'limit', "
                "which no log of events holds"
            ),
        ),
    }
)
def test_a_wrong_run_is_told(call, message):
    assert answers(call) == message


def test_every_declaration_error_is_a_value_error_and_an_error_of_ours():
    assert issubclass(sk.DeclarationError, ValueError)
    assert issubclass(sk.DeclarationError, sk.SkewtestError)


def test_declarations_cannot_be_changed():
    for declared, attribute in ((source(), "name"), (view(), "name"), (sk.close(), "rel")):
        with pytest.raises(AttributeError, match="cannot assign to field"):
            setattr(declared, attribute, "x")
    with pytest.raises(TypeError, match="does not support item assignment"):
        source().columns["x"] = sk.ints()
