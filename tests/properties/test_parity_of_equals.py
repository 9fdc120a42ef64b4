"""What holds of any two values, and of any history that is drawn."""
# ruff: noqa: DTZ001 - naive times are among what is tested

import json
import math
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from types import SimpleNamespace

import polars as pl
import pytest
from hypothesis import HealthCheck, Phase, example, find, given, settings
from hypothesis import strategies as st

import skewtest as sk
from skewtest.compare.floats import ulps_between
from skewtest.compare.tables import Divergence, compare
from skewtest.compare.values import ToleranceError, difference
from skewtest.generate.history import SEQUENCE
from skewtest.results.corpus import load, save
from skewtest.results.finding import Counterexample, Finding
from skewtest.run.draft import draft_of, history_of_draft
from skewtest.sides.answers import MISSING, NULL_OR_NAN, Answers
from skewtest.strategies import histories

QUICK = settings(
    max_examples=100,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.too_slow],
)
SLOW = settings(
    QUICK,
    max_examples=25,
    suppress_health_check=list(HealthCheck),
    phases=[Phase.generate, Phase.shrink],
)

numbers = st.one_of(
    st.integers(-(2**63), 2**63 - 1),
    st.floats(),
    st.floats(-10, 10),
    st.decimals(-100, 100, places=2),
    st.integers(-3, 3),
    st.integers(-3, 3).map(float),
)
moments = st.datetimes(
    datetime(2000, 1, 1),
    datetime(2030, 1, 1),
    timezones=st.sampled_from([None, UTC, timezone(timedelta(hours=-5))]),
)
nothings = st.sampled_from([None, MISSING, NULL_OR_NAN, math.nan])
scalars = st.one_of(
    numbers, nothings, st.booleans(), st.text(max_size=3), st.dates(), moments, st.timedeltas()
)
values = st.recursive(
    scalars,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3), st.dictionaries(st.sampled_from("xyz"), inner, max_size=2)
    ),
    max_leaves=6,
)
tolerances = st.one_of(
    st.just(sk.close()),
    st.builds(lambda rel, abs_: sk.close(rel=rel, abs=abs_), st.floats(0, 1), st.floats(0, 1)),
    st.builds(lambda ulps: sk.close(ulps=ulps), st.integers(0, 9)),
    st.builds(lambda s: sk.close(abs=timedelta(seconds=s)), st.integers(0, 9)),
    st.just(sk.exact()),
    st.just(sk.exact(dtype=True)),
    st.builds(lambda c: sk.vector(cosine=c), st.floats(0, 2)),
)
equals = st.sampled_from(
    [(), ("null", "nan"), ("null", "missing"), ("nan", "missing"), ("null", "nan", "missing")]
).map(frozenset)


def verdict(batch, online, tolerance, equal):
    """Return the kind of divergence; a tolerance that does not suit is a verdict too."""
    try:
        return difference(batch, online, tolerance, equal)
    except ToleranceError:
        return "tolerance"


@QUICK
@given(values, values, tolerances, equals)
@example(3, math.inf, sk.close(), frozenset())
@example(Decimal("1.10"), Decimal("1.11"), sk.close(), frozenset())
def test_a_verdict_does_not_depend_on_which_side_is_batch(batch, online, tolerance, equal):
    assert verdict(batch, online, tolerance, equal) == verdict(online, batch, tolerance, equal)


@QUICK
@given(values, tolerances, equals)
@example([math.inf], sk.vector(cosine=0), frozenset())
def test_a_value_never_differs_from_its_copy(value, tolerance, equal):
    assert verdict(value, _copy(value), tolerance, equal) in (None, "tolerance")


def _copy(value):
    if isinstance(value, list):
        return [_copy(inner) for inner in value]
    if isinstance(value, dict):
        return {name: _copy(inner) for name, inner in value.items()}
    return float(str(value)) if isinstance(value, float) else value


@QUICK
@given(values, values, equals)
def test_what_agrees_exactly_agrees_closely(batch, online, equal):
    if verdict(batch, online, sk.exact(), equal) is None:
        assert verdict(batch, online, sk.close(), equal) in (None, "tolerance")


@QUICK
@given(values, values, tolerances)
def test_declaring_kinds_of_nothing_equal_never_makes_a_difference(batch, online, tolerance):
    if verdict(batch, online, tolerance, frozenset()) is None:
        for equal in (("null", "nan"), ("null", "missing"), ("null", "nan", "missing")):
            assert verdict(batch, online, tolerance, frozenset(equal)) is None


@QUICK
@given(st.integers(), st.integers())
def test_ints_agree_exactly_only_if_they_are_the_same(left, right):
    assert (difference(left, right, sk.exact(), frozenset()) is None) == (left == right)


@QUICK
@given(st.floats(-1e300, 1e300), st.floats(-1e300, 1e300), st.floats(0, 1), st.floats(0, 1))
def test_a_wider_tolerance_agrees_where_a_narrower_does(left, right, rel, more):
    def agrees(width):
        return difference(left, right, sk.close(rel=width), frozenset()) is None

    assert not agrees(rel) or agrees(rel + more)


@QUICK
@given(st.floats(allow_nan=False, allow_infinity=False))
def test_the_next_float_is_one_step_away(value):
    after = math.nextafter(value, math.inf)
    if math.isfinite(after):
        assert (
            ulps_between(value, after) == ulps_between(after, value) == (0 if value == after else 1)
        )


SOURCE = sk.Source("orders", time="ts", columns={"user_id": sk.key()})
VIEWS = SimpleNamespace()  # views of a module are collected and run; these have no sides
VIEWS.plain = sk.FeatureView(
    "spend",
    sources=[SOURCE],
    entity=["user_id"],
    batch=None,
    online=None,
    features={"n": sk.close(), "m": sk.exact()},
)


@QUICK
@given(st.lists(st.tuples(scalars, scalars, scalars, scalars), max_size=6))
def test_every_row_is_counted_once_for_each_feature(rows):
    columns = list(zip(*rows, strict=True)) or [()] * 4
    left = Answers.of({"n": columns[0], "m": columns[1]})
    right = Answers.of({"n": columns[2], "m": columns[3]})
    comparison = compare(VIEWS.plain, left, right)
    found, tallies = comparison.divergences, comparison.tallies
    whole = {d.row for d in found if d.feature == ""}
    for name, tally in tallies.items():
        assert tally.compared + tally.both_null == len(rows) - len(whole)
        told = [d for d in found if d.feature == name]
        assert len(told) == tally.mismatch + tally.left_only + tally.right_only


# -- drawn histories ------------------------------------------------------------------------------

VIEWS.wide = sk.FeatureView(
    "wide",
    sources=[
        sk.Source(
            "orders",
            time="ts",
            columns={
                "user_id": sk.key(),
                "x": sk.floats(-5, 5, nullable=True, nan=True, inf=True, negative_zero=True),
                "cents": sk.floats(0, 10, step=0.01),
                "dozens": sk.floats(0, 120, step=12),
                "n": sk.ints(-(2**63), 2**63 - 1),
                "b": sk.bools(),
                "c": sk.categories("new", "paid", unseen=True, nullable=True),
                "s": sk.strings(max_size=3),
                "t": sk.timestamps(datetime(2024, 1, 1, tzinfo=UTC), zone="Asia/Kolkata"),
                "v": sk.vectors(2, -1, 1, nullable=True),
                "r": sk.structs({"x": sk.ints(0, 3, nullable=True)}),
                "d": st.dates(),
            },
        ),
        sk.Source("visits", time="at", columns={"user_id": sk.key(), "n": sk.ints(0, 9)}),
    ],
    entity=["user_id"],
    batch=None,
    online=None,
    features={"n": sk.exact()},
    request={"limit": sk.floats(0, 1, nullable=True)},
    windows=[timedelta(days=7)],
)
VIEWS.small = sk.FeatureView(
    "small",
    sources=[
        sk.Source("orders", time="ts", columns={"user_id": sk.key(), "n": sk.ints(0, 100)}),
    ],
    entity=["user_id"],
    batch=None,
    online=None,
    features={"n": sk.exact()},
)


@SLOW
@given(histories(VIEWS.wide))
def test_a_drawn_history_is_within_what_is_declared(history):
    orders, visits = history.events["orders"], history.events["visits"]
    assert dict(orders.schema) == VIEWS.wide.sources["orders"].schema
    assert dict(visits.schema) == VIEWS.wide.sources["visits"].schema
    assert dict(history.spine.schema) == VIEWS.wide.spine_schema
    assert orders["ts"].is_sorted()
    assert visits["at"].is_sorted()
    finite = orders["x"].drop_nulls().filter(orders["x"].drop_nulls().is_finite())
    assert finite.is_between(-5, 5).all()
    assert orders["cents"].is_between(0, 10).all()
    assert set(orders["c"].drop_nulls()) <= {"new", "paid", "NEW", "new ", "unseen"}
    assert all(len(text) <= 3 for text in orders["s"])
    assert all(moment >= datetime(2024, 1, 1, tzinfo=UTC) for moment in orders["t"])
    assert visits["n"].is_between(0, 9).all()
    assert history.spine.height >= 1
    assert history.spine.select("user_id", "as_of").is_unique().all()
    assert history.spine["user_id"].null_count() == 0


@SLOW
@given(histories(VIEWS.wide))
def test_drawn_floats_are_multiples_of_their_step(history):
    orders = history.events["orders"]
    for name, step in (("cents", 0.01), ("dozens", 12)):
        multiples = orders[name] / step
        assert ((multiples - multiples.round()).abs() < 1e-6).all(), name


@SLOW
@given(histories(VIEWS.wide))
def test_a_drawn_history_is_the_same_as_rows(history):
    draft = draft_of(VIEWS.wide, history.history)
    assert repr(draft_of(VIEWS.wide, history_of_draft(VIEWS.wide, draft))) == repr(draft)
    assert [len(rows) for rows in history.event_dicts.values()] == [
        frame.height for frame in history.events.values()
    ]
    assert len(history.requests) == history.spine.height


@SLOW
@given(histories(VIEWS.wide))
def test_a_drawn_history_reads_back_from_the_corpus(tmp_path_factory, history):
    folder = tmp_path_factory.mktemp("corpus")
    kept = Counterexample(VIEWS.wide, history.history)
    divergence = Divergence(0, "n", "value", 1, 2)
    path = save(folder, Finding("n", "in_order", "value", kept, divergence))
    assert json.loads(path.read_text(encoding="utf-8"))["format"] == 1
    (((_, again),), rejected) = load(folder, VIEWS.wide)
    assert rejected == []
    assert repr(draft_of(VIEWS.wide, again)) == repr(draft_of(VIEWS.wide, history.history))


@pytest.mark.parametrize("count", [0, 1, 3])
def test_a_history_shrinks_to_its_fewest_events(count):
    small = find(histories(VIEWS.small), lambda h: h.history.size >= count, settings=SLOW)
    assert small.history.size == count
    assert small.spine.to_dicts() == [{"user_id": "a", "as_of": datetime(2024, 3, 8, tzinfo=UTC)}]


def test_a_history_shrinks_to_the_plainest_values():
    small = find(histories(VIEWS.small), lambda h: h.history.size == 1, settings=SLOW)
    assert small.event_dicts == {
        "orders": [{"ts": datetime(2024, 3, 7, tzinfo=UTC), "user_id": "a", "n": 0}]
    }


def test_a_history_shrinks_to_the_value_that_matters():
    small = find(
        histories(VIEWS.small),
        lambda h: any(event["n"] > 50 for event in h.event_dicts["orders"]),
        settings=settings(SLOW, max_examples=500),
    )
    values = [event["n"] for event in small.event_dicts["orders"]]
    assert values == [51]


def test_a_history_shrinks_to_two_events_of_one_time():
    def tied(history):
        times = history.events["orders"]["ts"]
        return times.n_unique() < len(times)

    small = find(histories(VIEWS.small), tied, settings=settings(SLOW, max_examples=500))
    assert small.history.size == 2


def test_a_history_prints_as_its_rows():
    small = find(histories(VIEWS.small), lambda h: h.history.size == 1, settings=SLOW)
    utc = "datetime.timezone.utc"
    assert repr(small) == (
        f"History(orders=[{{'ts': datetime.datetime(2024, 3, 7, 0, 0, tzinfo={utc}), "
        "'user_id': 'a', 'n': 0}], "
        f"spine=[{{'user_id': 'a', 'as_of': datetime.datetime(2024, 3, 8, 0, 0, tzinfo={utc})}}])"
    )


def test_no_history_is_longer_than_asked_for():
    @SLOW
    @given(histories(VIEWS.small, max_events=3))
    def check(history):
        assert history.history.size <= 3

    check()


def test_a_failing_test_of_ones_own_shows_the_smallest_history(pytester):
    pytester.makepyfile(
        """
        import skewtest as sk
        from hypothesis import given, settings
        from skewtest.strategies import histories

        view = lambda: sk.FeatureView(
            "spend",
            sources=[sk.Source("orders", time="ts", columns={"user_id": sk.key()})],
            entity=["user_id"], batch=None, online=None, features={"n": sk.exact()},
        )

        @settings(derandomize=True, database=None, deadline=None)
        @given(histories(view()))
        def test_there_are_few(history):
            assert history.events["orders"].height < 2
        """
    )
    result = pytester.runpytest_inprocess("-p", "no:cacheprovider")
    result.assert_outcomes(failed=1)
    (shown,) = [line for line in result.outlines if line.startswith("E") and "History(" in line]
    assert shown.count("'ts': datetime.datetime(2024, 3, 7, 0, 0,") == 2


def test_a_sequence_number_is_no_column_of_a_drawn_history():
    small = find(histories(VIEWS.small), lambda h: h.history.size == 1, settings=SLOW)
    assert small.events["orders"].columns == ["ts", "user_id", "n"]
    assert SEQUENCE not in small.event_dicts["orders"][0]
    assert isinstance(small.events["orders"], pl.DataFrame)
