"""References: literal values, and what each rule says of edges, ties and nothing."""

import math
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from fractions import Fraction

import polars as pl
import pytest

import skewtest as sk
from skewtest import reference as ref
from skewtest.errors import DeclarationError
from skewtest.generate.history import history_of
from skewtest.reference.exact import root, rounded
from skewtest.sides import Conditions, Failure

DAY = timedelta(days=1)
NOON = datetime(2024, 3, 8, 12, tzinfo=UTC)


def answers_of(reference, rows, *, as_of=NOON, rule="exclusive", other=()):
    """Return what a reference answers for entity "a", whose events are (time, x[, y])."""
    columns = {"user_id": sk.key(), "x": sk.floats(nullable=True), "y": sk.strings(nullable=True)}
    events = sk.Source("events", time="ts", columns=columns)
    view = sk.FeatureView(
        "v",
        sources=[events],
        entity=["user_id"],
        batch=None,
        online=None,
        features={"f": sk.close()},
        as_of=rule,
    )
    table = [("a", *row, *([None] * (3 - len(row)))) for row in rows]
    table += [("b", *row, None) for row in other]
    schema = {"user_id": pl.String, "ts": pl.Datetime("us", "UTC"), "x": pl.Float64, "y": pl.String}
    log = pl.DataFrame(table, schema=schema, orient="row")
    spine = pl.DataFrame({"user_id": ["a"], "as_of": [as_of]})
    pack = history_of(view, {"events": log}, spine).pack()
    answers = reference.answer(pack, Conditions.of(view))
    if answers.failures:
        return answers.failures[0]
    return answers.values["f"][0]


def at(*values, step=timedelta(hours=1)):
    """Return events one step apart, the last of them one step before noon."""
    times = [NOON - (len(values) - place) * step for place in range(len(values))]
    return list(zip(times, values, strict=True))


def test_a_sum_is_rounded_once():
    assert answers_of(ref.sum("x"), at(1e16, 1.0, -1e16)) == 1.0
    assert answers_of(ref.sum("x"), at(0.1, 0.2)) == 0.30000000000000004
    assert answers_of(ref.sum("x"), at(*[0.1] * 10)) == 1.0


def test_a_sum_of_ints_is_an_int():
    source = sk.Source("events", time="ts", columns={"user_id": sk.key(), "n": sk.ints()})
    view = sk.FeatureView(
        "v",
        sources=[source],
        entity=["user_id"],
        batch=None,
        online=None,
        features={"f": sk.exact()},
    )
    log = pl.DataFrame({"user_id": ["a", "a"], "ts": [NOON - DAY] * 2, "n": [2**53, 1]})
    spine = pl.DataFrame({"user_id": ["a"], "as_of": [NOON]})
    pack = history_of(view, {"events": log}, spine).pack()
    assert ref.sum("n").answer(pack, Conditions.of(view)).values["f"][0] == 2**53 + 1


def test_events_of_other_entities_do_not_count():
    assert answers_of(ref.count(), at(1.0), other=at(1.0, 2.0)) == 1


@pytest.mark.parametrize(("rule", "number"), [("exclusive", 0), ("inclusive", 1)])
def test_an_event_at_as_of_counts_as_the_view_says(rule, number):
    assert answers_of(ref.count(), [(NOON, 1.0)], rule=rule) == number


@pytest.mark.parametrize(("start", "number"), [("closed", 2), ("open", 1)])
def test_an_event_on_the_start_of_a_window_counts_as_it_says(start, number):
    rows = [(NOON - DAY - timedelta(microseconds=1), 1.0), (NOON - DAY, 1.0), (NOON - DAY / 2, 1.0)]
    assert answers_of(ref.count(over=ref.window(DAY, start=start)), rows) == number


def test_a_timedelta_is_a_window_that_is_closed_at_its_start():
    assert answers_of(ref.count(over=DAY), [(NOON - DAY, 1.0)]) == 1


@pytest.mark.parametrize(
    ("unit", "zone", "hours", "number"),
    [
        ("day", None, [12, 13], 1),
        ("day", "America/New_York", [6, 7, 8], 2),  # midnight there is 05:00 UTC, 7 h before noon
        ("hour", None, [0.5, 0.9, 1.1], 2),
        ("week", None, [24 * 4, 24 * 4 + 12.1], 1),  # 8 March 2024 is a Friday
        ("month", None, [24 * 7 + 12, 24 * 7 + 12.1], 1),
        ("quarter", None, [24 * (7 + 29 + 31) + 12, 24 * (7 + 29 + 31) + 12.1], 1),
        ("year", None, [24 * (7 + 29 + 31) + 12, 24 * (7 + 29 + 31) + 12.1], 1),
    ],
)
def test_a_calendar_period_begins_with_its_first_instant(unit, zone, hours, number):
    rows = sorted((NOON - timedelta(hours=hour), 1.0) for hour in hours)
    as_of = NOON + timedelta(minutes=30) if unit == "hour" else NOON
    if unit == "hour":
        rows = sorted((as_of - timedelta(hours=hour), 1.0) for hour in (0.1, 0.5, 0.6))
    assert answers_of(ref.count(over=ref.calendar(unit, zone=zone)), rows, as_of=as_of) == number


def test_a_day_on_which_the_clock_changes_has_23_hours():
    as_of = datetime(2024, 3, 11, 5, tzinfo=UTC)  # midnight in New York is 04:00 UTC from the 10th
    before, on = datetime(2024, 3, 10, 4, 59, tzinfo=UTC), datetime(2024, 3, 10, 5, tzinfo=UTC)
    end, after = datetime(2024, 3, 11, 3, 59, tzinfo=UTC), datetime(2024, 3, 11, 4, tzinfo=UTC)
    rows = [(moment, 1.0) for moment in (before, on, end, after)]
    yesterday = ref.calendar("day", zone="America/New_York", ago=1)
    assert answers_of(ref.count(over=yesterday), rows, as_of=as_of) == 2


def test_the_last_events_are_counted_after_where_and_before_nulls():
    rows = at(1.0, 2.0, None, 4.0)
    assert answers_of(ref.sum("x", over=ref.last_events(2)), rows) == 4.0
    is_small = lambda event: event["x"] is not None and event["x"] < 4  # noqa: E731
    assert answers_of(ref.sum("x", over=ref.last_events(2), where=is_small), rows) == 3.0


@pytest.mark.parametrize(("nulls", "value"), [("skip", 2.0), ("null", None), ("zero", 4 / 3)])
def test_nulls_are_what_their_rule_says(nulls, value):
    assert answers_of(ref.mean("x", nulls=nulls), at(1.0, None, 3.0)) == value


def test_nan_spoils_or_is_skipped():
    rows = at(1.0, math.nan, 3.0)
    assert math.isnan(answers_of(ref.mean("x"), rows))
    assert math.isnan(answers_of(ref.max("x"), rows))
    assert answers_of(ref.max("x", nans="skip"), rows) == 3.0


def test_infinities_add_up():
    assert answers_of(ref.sum("x"), at(math.inf, 1.0)) == math.inf
    assert math.isnan(answers_of(ref.sum("x"), at(math.inf, -math.inf)))
    assert answers_of(ref.sum("x"), at(1e308, 1e308)) == math.inf
    assert answers_of(ref.sum("x"), at(-1e308, -1e308)) == -math.inf


@pytest.mark.parametrize(
    ("reference", "value"),
    [
        (ref.count(), 0), (ref.count("x"), 0), (ref.sum("x"), 0), (ref.distinct("x"), 0),
        (ref.sessions(DAY), 0), (ref.streak(bool), 0), (ref.decay("x", half_life=DAY), 0),
        (ref.mean("x"), None), (ref.var("x"), None), (ref.max("x"), None), (ref.last("x"), None),
        (ref.median("x"), None), (ref.mode("x"), None), (ref.top_k("x", 2), None),
        (ref.entropy("x"), None), (ref.ewma("x", alpha=0.5), None), (ref.since(), None),
        (ref.gaps(), None), (ref.correlation("x", "x"), None),
        (ref.ratio(ref.sum("x"), ref.count()), None), (ref.sum("x", empty=None), None),
        (ref.mean("x", empty=-1.0), -1.0),
    ],
)  # fmt: skip
def test_without_events_each_answers_its_empty(reference, value):
    assert answers_of(reference, []) == value


def test_a_variance_needs_more_values_than_ddof():
    assert answers_of(ref.var("x"), at(5.0)) is None
    assert answers_of(ref.var("x", ddof=0), at(5.0)) == 0.0
    assert answers_of(ref.var("x"), at(1.0, 2.0, 4.0)) == 7 / 3
    assert answers_of(ref.std("x", ddof=0), at(1.0, 3.0)) == 1.0
    assert answers_of(ref.var("x"), at(1e12, 1e12 + 1, 1e12 + 2)) == 1.0


def test_a_root_is_rounded_as_the_true_one():
    assert rounded(root(Fraction(2))) == 1.4142135623730951
    assert rounded(root(Fraction(1, 9))) == 0.3333333333333333
    assert rounded(root(Fraction(0))) == 0.0
    assert rounded(root(Fraction(1, 2**2000))) == 2.0**-1000
    # 1 + 2**-53 is a tie between two floats: just above it is another one than the tie itself.
    assert rounded(root((1 + Fraction(1, 2**53)) ** 2)) == 1.0
    assert rounded(root((1 + Fraction(1, 2**53)) ** 2 + Fraction(1, 2**150))) == 1.0000000000000002


@pytest.mark.parametrize(
    ("interpolation", "value"),
    [("linear", 1.75), ("lower", 1.0), ("higher", 2.0), ("midpoint", 1.5), ("nearest", 2.0)],
)
def test_a_quantile_lies_between_two_values_as_it_says(interpolation, value):
    reference = ref.quantile("x", 0.25, interpolation=interpolation)
    assert answers_of(reference, at(4.0, 2.0, 1.0, 3.0)) == value


def test_a_share_is_the_decimal_number_that_it_is_written_as():
    rows = at(*map(float, range(11)))
    assert answers_of(ref.quantile("x", 0.9, interpolation="higher"), rows) == 9.0
    assert answers_of(ref.quantile("x", 0.5, interpolation="nearest"), at(0.0, 1.0)) == 0.0
    assert answers_of(ref.median("x"), at(0.0, 1.0)) == 0.5


@pytest.mark.parametrize(
    ("ties", "values"),
    [("smallest", [1.0, 3.0, 2.0]), ("largest", [3.0, 1.0, 2.0]), ("first", [3.0, 1.0, 2.0]),
     ("last", [1.0, 3.0, 2.0])],
)  # fmt: skip
def test_equally_frequent_values_are_ranked_by_their_tie_rule(ties, values):
    rows = at(3.0, 1.0, 2.0, 3.0, 1.0)
    assert answers_of(ref.top_k("x", 3, ties=ties), rows) == values
    assert answers_of(ref.mode("x", ties=ties), rows) == values[0]


@pytest.mark.parametrize(
    ("ties", "first", "last"),
    [("arrival", 2.0, 1.0), ("smallest", 1.0, 1.0), ("largest", 3.0, 3.0)],
)
def test_events_of_one_time_are_told_apart_by_their_tie_rule(ties, first, last):
    rows = [(NOON - DAY, value) for value in (2.0, 3.0, 1.0)]
    assert answers_of(ref.first("x", ties=ties), rows) == first
    assert answers_of(ref.last("x", ties=ties), rows) == last


def test_the_last_value_skips_nulls_unless_they_count():
    assert answers_of(ref.last("x"), at(1.0, None)) == 1.0
    assert answers_of(ref.last("x", nulls="null"), at(1.0, None)) is None


def test_distinct_values_are_told_apart_as_numbers():
    rows = at(0.0, -0.0, math.nan, math.nan, None, 1.0)
    assert answers_of(ref.distinct("x"), rows) == 3
    assert answers_of(ref.distinct("x", count_null=True), rows) == 4


def test_entropy_is_in_nats_or_of_a_base():
    rows = [(NOON - DAY, None, text) for text in "aabc"]
    assert answers_of(ref.entropy("y", base=2), rows) == 1.5
    assert answers_of(ref.entropy("y"), rows) == 1.0397207708399179
    assert answers_of(ref.entropy("y"), rows[:2]) == 0.0


def test_the_two_moving_averages():
    rows = at(1.0, 2.0, 4.0)
    assert answers_of(ref.ewma("x", alpha=0.5), rows) == 3.0
    assert answers_of(ref.ewma("x", alpha=0.5, adjust=False), rows) == 2.75


def test_a_value_loses_half_its_weight_in_each_half_life():
    rows = [(NOON - 2 * DAY, 8.0), (NOON - DAY, 8.0)]
    assert answers_of(ref.decay("x", half_life=DAY), rows) == 6.0
    assert answers_of(ref.decay(None, half_life=DAY), rows) == 0.75
    assert answers_of(ref.decay("x", half_life=DAY, normalised=True), rows) == 8.0
    assert answers_of(ref.decay("x", half_life=2 * DAY), rows) == 9.65685424949238


@pytest.mark.parametrize(("edge", "number"), [("same", 2), ("new", 3)])
def test_a_silence_as_long_as_the_gap_is_what_its_edge_says(edge, number):
    hours = (10, 9, 6.5, 6)
    rows = [(NOON - timedelta(hours=hour), 1.0) for hour in hours]
    gap = timedelta(hours=1)
    assert answers_of(ref.sessions(gap, edge=edge), rows) == number
    assert answers_of(ref.sessions(gap, of="events"), rows) == 2
    assert answers_of(ref.sessions(gap, of="seconds"), rows) == 1800.0


def test_a_streak_is_counted_back_from_the_latest():
    rows = at(1.0, 1.0, 1.0, 0.0, 1.0)
    passes = lambda event: event["x"] > 0  # noqa: E731
    assert answers_of(ref.streak(passes), rows) == 1
    assert answers_of(ref.streak(passes, longest=True), rows) == 3


@pytest.mark.parametrize(
    ("of", "value"), [("last", 3600.0), ("mean", 5400.0), ("min", 3600.0), ("max", 7200.0)]
)
def test_gaps_are_seconds_between_neighbours(of, value):
    rows = [(NOON - timedelta(hours=hour), 1.0) for hour in (4, 2, 1)]
    assert answers_of(ref.gaps(of=of), rows) == value


def test_an_age_is_the_seconds_up_to_as_of():
    rows = at(1.0, 1.0)
    assert answers_of(ref.since(), rows) == 3600.0
    assert answers_of(ref.since(of="first"), rows) == 7200.0


def test_a_ratio_is_rounded_once_and_has_an_answer_for_zero():
    share = ref.ratio(ref.sum("x"), ref.count("x"))
    assert answers_of(share, at(0.1, 0.2, 0.3)) == 0.2  # 0.6000000000000001 / 3 is not
    assert answers_of(ref.ratio(ref.count(), ref.sum("x")), at(0.0)) is None
    assert answers_of(ref.ratio(ref.count(), ref.sum("x"), zero=0.0), at(0.0)) == 0.0


def test_columns_that_move_together_correlate_fully():
    source = [(NOON - DAY, 1.0), (NOON - DAY / 2, 3.0), (NOON - DAY / 3, 4.0)]
    assert answers_of(ref.correlation("x", "x"), source) == 1.0
    assert math.isnan(answers_of(ref.correlation("x", "x"), at(1.0, 1.0)))
    assert answers_of(ref.correlation("x", "x", flat=0.0), at(1.0, 1.0)) == 0.0


def test_references_by_feature_take_functions_too():
    by_feature = ref.by_feature({"f": lambda events, request: Fraction(len(events), 3)})
    assert answers_of(by_feature, at(1.0)) == 0.3333333333333333
    assert answers_of(ref.by_feature({"f": lambda e, r: Decimal("1.5")}), []) == Decimal("1.5")


def test_a_reference_that_raises_fails_its_row():
    failure = answers_of(ref.by_feature({"f": lambda events, request: 1 / 0}), [])
    assert isinstance(failure, Failure)
    assert (failure.side, failure.code) == ("reference", "raised")
    assert str(failure.exception) == "division by zero"


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: ref.sum("x", windw=DAY), "sum(...) takes no setting 'windw'; there are 'over'"),
        (lambda: ref.sum("x", over=7), "sum: over must be None, a timedelta, window(...)"),
        (lambda: ref.sum(3), "sum(...) takes names of columns; got 3"),
        (lambda: ref.sum("x", nulls="drop"), "sum(...): nulls must be one of 'skip', 'null'"),
        (lambda: ref.sum("x", where="y"), "sum(where=...) must be a function of an event; got 'y'"),
        (lambda: ref.window(timedelta(0)), "window(length) must be a timedelta above 0"),
        (lambda: ref.calendar("fortnight"), "calendar(...): unit must be one of 'hour', 'day'"),
        (lambda: ref.calendar("day", zone="Mars"), "calendar(zone=...) must be an IANA time zone"),
        (lambda: ref.calendar("day", ago=-1), "calendar(ago=...) must be an int of at least 0"),
        (lambda: ref.last_events(0), "last_events(count) must be an int above 0; got 0"),
        (lambda: ref.quantile("x", 90), "quantile(share) must be a number from 0 to 1; got 90"),
        (lambda: ref.quantile("x", 0.5, interpolation="low"), "must be one of 'linear', 'lower'"),
        (lambda: ref.var("x", ddof=True), "var(ddof=...) must be an int of at least 0; got True"),
        (lambda: ref.top_k("x", 0), "top_k(k) must be an int above 0; got 0"),
        (lambda: ref.mode("x", ties="any"), "mode(...): ties must be one of 'smallest'"),
        (lambda: ref.entropy("x", base=1), "entropy(base=...) must be a number above 1 or None"),
        (lambda: ref.ewma("x", alpha=0), "ewma(alpha=...) must be above 0 and at most 1; got 0"),
        (lambda: ref.decay("x", half_life=7), "decay(half_life=...) must be a timedelta above 0"),
        (lambda: ref.streak("x"), "streak(test) must be a function of an event; got 'x'"),
        (lambda: ref.ratio(1, ref.count()), "ratio(numerator) must be a reference such as"),
        (lambda: ref.by_feature({}), "by_feature(...) takes references by feature; got {}"),
        (lambda: ref.by_feature({"f": 3}), "by_feature('f') must be a reference such as"),
    ],
)
def test_a_bad_argument_is_named(make, message):
    with pytest.raises(DeclarationError) as caught:
        make()
    assert message in str(caught.value)
