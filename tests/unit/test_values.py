"""When two values agree; and that a comparer that gets it wrong would be noticed."""
# ruff: noqa: DTZ001 - naive times are among what is tested

import math
from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Decimal
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

import numpy as np
import polars as pl
import pytest

import skewtest as sk
from skewtest.compare.floats import cosine_distance, ulps_between
from skewtest.compare.values import ToleranceError, difference, magnitude, nothing_of
from skewtest.sides.answers import MISSING, NULL_OR_NAN

NAN = math.nan
INF = math.inf
NEW_YORK = ZoneInfo("America/New_York")
BERLIN = ZoneInfo("Europe/Berlin")
NOON = datetime(2024, 3, 8, 12, tzinfo=UTC)
CLOSE, EXACT, TYPED = sk.close(), sk.exact(), sk.exact(dtype=True)
SAME = None


class Case(NamedTuple):
    claim: str
    batch: Any
    online: Any
    tolerance: Any
    expected: str | None
    equal: tuple[str, ...] = ()


CASES = [
    Case("equal ints agree", 3, 3, EXACT, SAME),
    Case("ints one apart differ", 3, 4, EXACT, "value"),
    Case("ints beyond 2**53 are compared whole", 2**53, 2**53 + 1, EXACT, "value"),
    Case("ints at the end of 64 bits are compared whole", 2**63 - 1, 2**63 - 2, EXACT, "value"),
    Case("an int is not the float it rounds to", 2**53 + 1, 2.0**53, EXACT, "value"),
    Case("an int is the float it equals", 2**53, 2.0**53, EXACT, SAME),
    Case("int 3 is float 3.0", 3, 3.0, EXACT, SAME),
    Case("int 3 is not float 3.0 where the dtype counts", 3, 3.0, TYPED, "dtype"),
    Case("int 3 is close to float 3.0", 3, 3.0, CLOSE, SAME),
    Case("an int is no infinity", 3, INF, CLOSE, "value"),
    Case("a decimal is no infinity", Decimal(3), INF, CLOSE, "value"),
    Case("floats one step apart differ exactly", 0.1 + 0.2, 0.3, EXACT, "value"),
    Case("floats one step apart are close", 0.1 + 0.2, 0.3, CLOSE, SAME),
    Case("close tells 1e-8 of the value", 1.0, 1.00000001, CLOSE, "value"),
    Case("close grants 1e-13 of the value", 1.0, 1.0000000000001, CLOSE, SAME),
    Case("close looks closely at 1e-10 of the value", 1.0, 1.0000000001, CLOSE, "value"),
    Case("close tells 1e-8 of a large value", 1e12, 1e12 + 1e4, CLOSE, "value"),
    Case("close looks closely at 1e-13 beside zero", 0.0, 1e-13, CLOSE, "value"),
    Case("close tells 1e-11 at zero", 0.0, 1e-11, CLOSE, "value"),
    Case("close tells a rate of 1e-9", 1e-9, 2e-9, CLOSE, "value"),
    Case("close tells the signs of small values", 1e-9, -1e-9, CLOSE, "value"),
    Case("rel is of the larger value", 100.0, 111.0, sk.close(rel=0.1), SAME),
    Case("rel without abs tells anything at zero", 0.0, 1e-300, sk.close(rel=0.1), "value"),
    Case("abs includes its end", 1.0, 1.5, sk.close(abs=0.5), SAME),
    Case("abs ends there", 1.0, 1.5000001, sk.close(abs=0.5), "value"),
    Case("abs without rel tells large values", 1e12, 1e12 + 1, sk.close(abs=0.5), "value"),
    Case("abs and rel add up", 100.0, 111.0, sk.close(rel=0.1, abs=0.5), SAME),
    Case("4 ulps grant 4 steps", 1.0, 1.0 + 4 * 2.0**-52, sk.close(ulps=4), SAME),
    Case("4 ulps tell 5 steps", 1.0, 1.0 + 5 * 2.0**-52, sk.close(ulps=4), "value"),
    Case("ulps count across zero", 5e-324, -5e-324, sk.close(ulps=2), SAME),
    Case("ulps tell the other side of zero", 5e-324, -5e-324, sk.close(ulps=1), "value"),
    Case("ulps are of floats", Decimal("1e400"), Decimal("1e500"), sk.close(ulps=4), "value"),
    Case("zero is zero of either sign", 0.0, -0.0, EXACT, SAME),
    Case("infinity is itself", INF, float("inf"), CLOSE, SAME),
    Case("infinities of two signs differ", INF, -INF, CLOSE, "value"),
    Case("infinity is no large number", INF, 1.7e308, CLOSE, "value"),
    Case("huge numbers of two signs differ", 1.7e308, -1.7e308, CLOSE, "value"),
    Case("close counts to 1 apart", 10**15, 10**15 + 10**7, CLOSE, "value"),
    Case("True is 1", True, 1, EXACT, SAME),
    Case("True is no 1 where the dtype counts", True, 1, TYPED, "dtype"),
    Case("True is no 2", True, 2, EXACT, "value"),
    Case("False is 0.0", False, 0.0, CLOSE, SAME),
    Case("flags in a list are numbers", [True, False], [1, 0.0], EXACT, SAME),
    Case("bools of two kinds differ", True, False, EXACT, "value"),
    Case("bools that agree are close", True, True, CLOSE, SAME),
    Case("bools that differ are not close", True, False, CLOSE, "value"),
    Case("a number is not its text", 1, "1", EXACT, "dtype"),
    Case("a float is not its text", 1.0, "1.0", CLOSE, "dtype"),
    Case("text agrees", "new", "new", EXACT, SAME),
    Case("text has a case", "new", "New", EXACT, "value"),
    Case("text has its spaces", "new", "new ", EXACT, "value"),
    Case("text has its code points", "\u00e9", "e\u0301", EXACT, "value"),
    Case("the empty text is no null", "", None, EXACT, "null"),
    Case("bytes are no text", b"a", "a", EXACT, "dtype"),
    Case("bytes agree", b"a", bytes([97]), EXACT, SAME),
    Case("null is null", None, None, EXACT, SAME),
    Case("NaN is NaN", NAN, float("nan"), EXACT, SAME),
    Case("null is not NaN", None, NAN, CLOSE, "null"),
    Case("null is not zero", None, 0.0, CLOSE, "null"),
    Case("NaN is not zero", NAN, 0.0, CLOSE, "null"),
    Case("NaN is not infinity", NAN, INF, CLOSE, "null"),
    Case("no row is no row", MISSING, MISSING, EXACT, SAME),
    Case("no row is not null", MISSING, None, EXACT, "missing row"),
    Case("null is not no row", None, MISSING, EXACT, "missing row"),
    Case("no row is not NaN", MISSING, NAN, CLOSE, "missing row"),
    Case("no row is not zero", MISSING, 0, EXACT, "missing row"),
    Case("null is NaN where they are one", None, NAN, CLOSE, SAME, ("null", "nan")),
    Case("null is no row where they are one", None, MISSING, CLOSE, SAME, ("null", "missing")),
    Case("NaN is apart from the two that are one", NAN, None, CLOSE, "null", ("null", "missing")),
    Case("no row is apart too", MISSING, None, CLOSE, "missing row", ("null", "nan")),
    Case("zero is none of them", 0, None, EXACT, "null", ("null", "nan", "missing")),
    Case("what pandas has may be null", NULL_OR_NAN, None, CLOSE, SAME),
    Case("what pandas has may be NaN", NULL_OR_NAN, NAN, CLOSE, SAME),
    Case("what pandas has is no number", NULL_OR_NAN, 0.0, CLOSE, "null"),
    Case("what pandas has is a row", NULL_OR_NAN, MISSING, CLOSE, "missing row"),
    Case(
        "what pandas has is no row where null is", NULL_OR_NAN, MISSING, CLOSE, SAME,
        ("null", "missing"),
    ),
    Case("dates agree", date(2024, 3, 8), date(2024, 3, 8), EXACT, SAME),
    Case("dates a day apart differ", date(2024, 3, 8), date(2024, 3, 9), EXACT, "value"),
    Case("a date is no midnight", date(2024, 3, 8), datetime(2024, 3, 8), EXACT, "dtype"),
    Case(
        "an instant is the same in every zone",
        NOON, datetime(2024, 3, 8, 7, tzinfo=NEW_YORK), EXACT, SAME,
    ),
    Case(
        "one clock time in two zones is two instants",
        NOON, datetime(2024, 3, 8, 12, tzinfo=BERLIN), EXACT, "value",
    ),
    Case("a naive time is of another type", NOON, NOON.replace(tzinfo=None), EXACT, "dtype"),
    Case("a microsecond apart is apart", NOON, NOON + timedelta(microseconds=1), EXACT, "value"),
    Case("times are not close by default", NOON, NOON + timedelta(microseconds=1), CLOSE, "value"),
    Case(
        "times within a tolerance agree",
        NOON, NOON + timedelta(milliseconds=1), sk.close(abs=timedelta(milliseconds=1)), SAME,
    ),
    Case(
        "times outside a tolerance differ",
        NOON, NOON + timedelta(milliseconds=2), sk.close(abs=timedelta(milliseconds=1)), "value",
    ),
    Case(
        "a time tolerance of zero is exact",
        NOON, NOON + timedelta(microseconds=1), sk.close(abs=timedelta(0)), "value",
    ),
    Case(
        "the hour that clocks repeat is two hours",
        datetime(2024, 11, 3, 1, 30, tzinfo=NEW_YORK),
        datetime(2024, 11, 3, 1, 30, fold=1, tzinfo=NEW_YORK),
        EXACT, "value",
    ),
    Case(
        "a time tolerance counts real hours over a clock change",
        datetime(2024, 11, 3, 0, 30, tzinfo=NEW_YORK),
        datetime(2024, 11, 3, 2, 0, tzinfo=NEW_YORK),
        sk.close(abs=timedelta(hours=2)), "value",
    ),
    Case("durations agree", timedelta(hours=1), timedelta(seconds=3600), EXACT, SAME),
    Case("durations differ", timedelta(hours=1), timedelta(seconds=3601), EXACT, "value"),
    Case("a duration is no number of seconds", timedelta(seconds=1), 1, EXACT, "dtype"),
    Case("times of day differ", time(12), time(13), EXACT, "value"),
    Case("decimals agree", Decimal("1.10"), Decimal("1.1"), EXACT, SAME),
    Case("decimals differ", Decimal("1.10"), Decimal("1.11"), EXACT, "value"),
    Case("decimals that are far are not close", Decimal("1.10"), Decimal("1.11"), CLOSE, "value"),
    Case("decimals within abs agree", Decimal("1.10"), Decimal("1.11"), sk.close(abs=0.1), SAME),
    Case("a decimal is close to its float", Decimal("0.1"), 0.1, CLOSE, SAME),
    Case("a decimal is not its float", Decimal("0.1"), 0.1, EXACT, "value"),
    Case("a decimal is of another dtype", Decimal(1), 1, TYPED, "dtype"),
    Case("lists agree", [1, 2], [1, 2], EXACT, SAME),
    Case("lists have an order", [1, 2], [2, 1], EXACT, "value"),
    Case("lists have a length", [1, 2], [1, 2, 3], EXACT, "value"),
    Case("the empty list is no null", [], None, EXACT, "null"),
    Case("tolerance holds inside lists", [0.1 + 0.2], [0.3], CLOSE, SAME),
    Case("difference shows inside lists", [1.0, 1.0], [1.0, 1.1], CLOSE, "value"),
    Case("ints beyond 2**53 are whole inside lists", [2**53], [2**53 + 1], EXACT, "value"),
    Case("null shows inside lists", [1.0, None], [1.0, NAN], CLOSE, "null"),
    Case("types show inside lists", [True], [1], TYPED, "dtype"),
    Case("a list is no text", ["a"], "a", EXACT, "dtype"),
    Case("records agree in any order", {"x": 1, "y": 2}, {"y": 2, "x": 1}, EXACT, SAME),
    Case("records differ by a field", {"x": 1, "y": 2}, {"x": 1, "y": 3}, EXACT, "value"),
    Case("records have their fields", {"x": 1}, {"x": 1, "y": None}, EXACT, "dtype"),
    Case("null shows inside records", {"x": None}, {"x": NAN}, CLOSE, "null"),
    Case("equal holds inside records", {"x": None}, {"x": NAN}, CLOSE, SAME, ("null", "nan")),
    Case("tolerance holds in lists of records", [{"x": 0.3}], [{"x": 0.1 + 0.2}], CLOSE, SAME),
    Case("directions agree", [1.0, 2.0], [2.0, 4.0], sk.vector(cosine=1e-12), SAME),
    Case("directions differ", [1.0, 0.0], [0.0, 1.0], sk.vector(cosine=0.5), "value"),
    Case("directions have an order", [3.0, 4.0], [4.0, 3.0], sk.vector(cosine=0.01), "value"),
    Case("small angles count", [1.0, 0.0], [1.0, 1e-3], sk.vector(cosine=1e-9), "value"),
    Case("vectors have a length", [1.0], [1.0, 0.0], sk.vector(cosine=2), "value"),
    Case("null is no vector", None, [1.0], sk.vector(cosine=2), "null"),
    Case("null shows inside vectors", [1.0, None], [1.0, 2.0], sk.vector(cosine=2), "null"),
    Case("a vector is itself with infinities", [INF, 1.0], [INF, 1.0], sk.vector(cosine=0), SAME),
    Case("huge vectors have angles", [1e200, 0.0], [0.0, 1e200], sk.vector(cosine=0.1), "value"),
    Case("tiny vectors have angles", [1e-200, 0.0], [0.0, 1e-200], sk.vector(cosine=0.1), "value"),
]  # fmt: skip


def verdict(compare, case):
    return compare(case.batch, case.online, case.tolerance, frozenset(case.equal))


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.claim.replace(" ", "-"))
def test_two_values_agree_or_differ_as_claimed(case):
    assert verdict(difference, case) == case.expected


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.claim.replace(" ", "-"))
def test_it_does_not_matter_which_side_is_batch(case):
    turned = case._replace(batch=case.online, online=case.batch)
    assert verdict(difference, turned) == case.expected


@pytest.mark.parametrize(
    ("batch", "online", "tolerance", "family"),
    [
        ("a", "b", sk.close(), "string"),
        (b"a", b"b", sk.close(rel=0.1), "bytes"),
        (NOON, NOON + timedelta(1), sk.close(abs=0.5), "datetime"),
        (timedelta(1), timedelta(2), sk.close(rel=0.5), "duration"),
        (1.0, 2.0, sk.close(abs=timedelta(1)), "number with a timedelta"),
        (1.0, 2.0, sk.vector(cosine=0.1), "float"),
        ([1.0], "b", sk.vector(cosine=0.1), "string"),
        (["a"], ["b"], sk.vector(cosine=0.1), "string"),
        ([[1.0]], [[2.0]], sk.vector(cosine=0.1), "list"),
    ],
)
def test_a_tolerance_that_does_not_suit_the_values_is_told_by_their_family(
    batch, online, tolerance, family
):
    with pytest.raises(ToleranceError) as caught:
        difference(batch, online, tolerance, frozenset())
    assert str(caught.value) == family


# -- planted comparers ----------------------------------------------------------------------------


def always_equal(batch, online, tolerance, equal):
    return None


def never_equal(batch, online, tolerance, equal):
    return "value"


def plain_equality(batch, online, tolerance, equal):
    return None if batch == online else "value"


def np_isclose_1e_6(batch, online, tolerance, equal):
    if isinstance(batch, int | float) and isinstance(online, int | float):
        return None if np.isclose(batch, online, rtol=1e-6, equal_nan=True) else "value"
    return difference(batch, online, tolerance, equal)


def math_isclose(batch, online, tolerance, equal):
    if isinstance(batch, float) and isinstance(online, float):
        return None if math.isclose(batch, online) else "value"
    return difference(batch, online, tolerance, equal)


def null_is_nan(batch, online, tolerance, equal):
    return difference(batch, online, tolerance, equal | {"null", "nan"})


def null_is_missing(batch, online, tolerance, equal):
    return difference(batch, online, tolerance, equal | {"null", "missing"})


def null_is_zero(batch, online, tolerance, equal):
    return difference(batch or 0, online or 0, tolerance, equal)


def nan_is_unequal(batch, online, tolerance, equal):
    if nothing_of(batch) == nothing_of(online) == "nan":
        return "value"
    return difference(batch, online, tolerance, equal)


def ignores_equal(batch, online, tolerance, equal):
    return difference(batch, online, tolerance, frozenset())


def ints_through_float(batch, online, tolerance, equal):
    both = (float(x) if type(x) is int else x for x in (batch, online))
    return difference(*both, tolerance, equal)


def numbers_within_close(batch, online, tolerance, equal):
    return difference(batch, online, CLOSE if tolerance == EXACT else tolerance, equal)


def bools_are_ints(batch, online, tolerance, equal):
    both = (int(x) if isinstance(x, bool) else x for x in (batch, online))
    return difference(*both, tolerance, equal)


def as_text(batch, online, tolerance, equal):
    return None if str(batch) == str(online) else difference(batch, online, tolerance, equal)


def casefolded(batch, online, tolerance, equal):
    both = (x.casefold() if isinstance(x, str) else x for x in (batch, online))
    return difference(*both, tolerance, equal)


def stripped(batch, online, tolerance, equal):
    both = (x.strip() if isinstance(x, str) else x for x in (batch, online))
    return difference(*both, tolerance, equal)


def lists_as_sets(batch, online, tolerance, equal):
    if isinstance(batch, list) and isinstance(online, list):
        return None if sorted(map(repr, batch)) == sorted(map(repr, online)) else "value"
    return difference(batch, online, tolerance, equal)


def lists_zipped(batch, online, tolerance, equal):
    if isinstance(batch, list) and isinstance(online, list):
        size = min(len(batch), len(online))
        return difference(batch[:size], online[:size], tolerance, equal)
    return difference(batch, online, tolerance, equal)


def lists_without_tolerance(batch, online, tolerance, equal):
    inside = EXACT if isinstance(batch, list) and tolerance == CLOSE else tolerance
    return difference(batch, online, inside, equal)


def records_by_position(batch, online, tolerance, equal):
    both = (list(x.values()) if isinstance(x, dict) else x for x in (batch, online))
    return difference(*both, tolerance, equal)


def zones_dropped(batch, online, tolerance, equal):
    both = (x.replace(tzinfo=None) if isinstance(x, datetime) else x for x in (batch, online))
    return difference(*both, tolerance, equal)


def naive_is_utc(batch, online, tolerance, equal):
    both = (
        x.replace(tzinfo=UTC) if isinstance(x, datetime) and x.tzinfo is None else x
        for x in (batch, online)
    )
    return difference(*both, tolerance, equal)


def times_to_milliseconds(batch, online, tolerance, equal):
    both = (
        x.replace(microsecond=x.microsecond // 1000 * 1000) if isinstance(x, datetime) else x
        for x in (batch, online)
    )
    return difference(*both, tolerance, equal)


def datetimes_are_dates(batch, online, tolerance, equal):
    both = (x.date() if isinstance(x, datetime) else x for x in (batch, online))
    return difference(*both, tolerance, equal)


def decimals_through_float(batch, online, tolerance, equal):
    both = (float(x) if isinstance(x, Decimal) else x for x in (batch, online))
    return difference(*both, tolerance, equal)


def relative_to_batch(batch, online, tolerance, equal):
    if isinstance(batch, float) and isinstance(online, float) and tolerance == sk.close(rel=0.1):
        return None if abs(batch - online) <= 0.1 * abs(batch) else "value"
    return difference(batch, online, tolerance, equal)


def infinity_minus_infinity(batch, online, tolerance, equal):
    if isinstance(batch, float) and isinstance(online, float) and tolerance == CLOSE:
        return None if abs(batch - online) <= 1e-12 else "value"
    return difference(batch, online, tolerance, equal)


def ulps_by_bits(batch, online, tolerance, equal):
    if getattr(tolerance, "ulps", None):
        bits = np.array([batch, online]).view(np.uint64).astype(object)
        return None if abs(bits[0] - bits[1]) <= tolerance.ulps else "value"
    return difference(batch, online, tolerance, equal)


def cosine_as_one_minus_dot(batch, online, tolerance, equal):
    if getattr(tolerance, "cosine", None) == 1e-9 and batch and online:
        a, b = np.array(batch, dtype=np.float32), np.array(online, dtype=np.float32)
        gap = 1 - (a @ b) / np.linalg.norm(a) / np.linalg.norm(b)
        return None if gap <= 1e-6 else "value"
    return difference(batch, online, tolerance, equal)


def only_whether_not_how(batch, online, tolerance, equal):
    return "value" if difference(batch, online, tolerance, equal) else None


def nothing_is_value(batch, online, tolerance, equal):
    found = difference(batch, online, tolerance, equal)
    return "value" if found in ("null", "missing row") else found


def dtype_is_value(batch, online, tolerance, equal):
    found = difference(batch, online, tolerance, equal)
    return "value" if found == "dtype" else found


def ignores_dtype(batch, online, tolerance, equal):
    return difference(batch, online, EXACT if tolerance == TYPED else tolerance, equal)


WRONG = [
    always_equal,
    never_equal,
    plain_equality,
    np_isclose_1e_6,
    math_isclose,
    null_is_nan,
    null_is_missing,
    null_is_zero,
    nan_is_unequal,
    ignores_equal,
    ints_through_float,
    numbers_within_close,
    bools_are_ints,
    as_text,
    casefolded,
    stripped,
    lists_as_sets,
    lists_zipped,
    lists_without_tolerance,
    records_by_position,
    zones_dropped,
    naive_is_utc,
    times_to_milliseconds,
    datetimes_are_dates,
    decimals_through_float,
    relative_to_batch,
    infinity_minus_infinity,
    ulps_by_bits,
    cosine_as_one_minus_dot,
    only_whether_not_how,
    nothing_is_value,
    dtype_is_value,
    ignores_dtype,
]


def fails(compare, case):
    try:
        return verdict(compare, case) != case.expected
    except (TypeError, ValueError, ArithmeticError):
        return True


@pytest.mark.filterwarnings("ignore::RuntimeWarning")  # a wrong comparer may overflow
@pytest.mark.parametrize("compare", WRONG, ids=lambda compare: compare.__name__)
def test_the_cases_catch_a_wrong_comparer(compare):
    right = [case for case in CASES if not fails(difference, case)]
    assert [case.claim for case in right if fails(compare, case)]


# -- parts ----------------------------------------------------------------------------------------


def test_each_kind_of_nothing_has_its_name():
    named = [nothing_of(x) for x in (None, NAN, MISSING, NULL_OR_NAN, 0, "", [], INF)]
    assert named == ["null", "nan", "missing", "null or nan", None, None, None, None]


def test_ulps_count_the_steps_between_neighbours():
    assert ulps_between(1.0, 1.0) == 0
    assert ulps_between(1.0, math.nextafter(1.0, 2.0)) == 1
    assert ulps_between(0.0, -0.0) == 0
    assert ulps_between(-1.0, math.nextafter(-1.0, 0.0)) == 1
    assert ulps_between(0.0, 5e-324) == 1
    assert ulps_between(-5e-324, 5e-324) == 2
    assert ulps_between(1.0, 2.0) == 2**52


def test_cosine_distance_is_0_along_1_across_and_2_against():
    assert cosine_distance([3.0, 4.0], [6.0, 8.0]) == 0.0
    assert cosine_distance([1.0, 0.0], [0.0, 1.0]) == 1.0
    assert cosine_distance([1.0, 0.0], [-1.0, 0.0]) == 2.0
    assert cosine_distance([0.0, 0.0], [0.0, 0.0]) == 0.0
    assert cosine_distance([0.0, 0.0], [1.0, 0.0]) == 1.0


def test_cosine_distance_keeps_angles_that_1_minus_cos_loses():
    assert cosine_distance([1.0, 0.0], [1.0, 1e-9]) == pytest.approx(5e-19, rel=1e-6)


def test_the_magnitude_of_a_difference_has_its_unit():
    assert magnitude(3, 5) == 2
    assert magnitude(2**53, 2**53 + 1) == 1
    assert magnitude(1.5, 1) == 0.5
    assert magnitude(Decimal("1.5"), 1) == 0.5
    assert magnitude(Decimal("1e400"), 1.5) == 10**400 - 2
    assert magnitude(10**400, 1.5) == 10**400 - 2
    assert magnitude(Decimal("Infinity"), 1) is None
    assert magnitude(Decimal("NaN"), 10**400) is None
    assert magnitude(NOON, NOON + timedelta(hours=1)) == timedelta(hours=1)
    assert magnitude(timedelta(1), timedelta(3)) == timedelta(2)
    assert magnitude(NOON, NOON.replace(tzinfo=None)) is None
    assert magnitude("a", "b") is None
    assert magnitude(INF, INF) is None


def test_times_of_offset_zones_are_compared_as_instants():
    india = timezone(timedelta(hours=5, minutes=30))
    assert difference(NOON, NOON.astimezone(india), EXACT, frozenset()) is None


@pytest.mark.parametrize("size", [1e9, 1.7e12, 1.7e15, 2**53 - 2])
def test_whole_numbers_that_differ_are_no_rounding(size):
    assert difference(float(size), float(size) + 1, sk.close(), frozenset()) == "value"
    assert difference(int(size), float(size) + 1, sk.close(), frozenset()) == "value"
    assert difference(float(size), float(size) + 1, sk.close(rel=1e-8), frozenset()) is None


def test_numbers_that_are_not_whole_may_round():
    assert difference(1e9 + 0.25, 1e9 + 0.25 + math.ulp(1e9), sk.close(), frozenset()) is None


def test_a_timestamp_in_float_milliseconds_that_is_off_by_one_is_found():
    source = sk.Source("ev", time="ts", columns={"u": sk.key()})

    def batch(ev, spine):
        last = spine.join(ev, on="u").filter(pl.col("ts") < pl.col("as_of"))
        newest = last.group_by("u", "as_of").agg(at=pl.col("ts").max().dt.epoch("ms").cast(float))
        return spine.join(newest, on=["u", "as_of"], how="left")

    class Online:
        def __init__(self):
            self.newest = {}

        def update(self, event):
            at = event["ts"].replace(tzinfo=UTC).timestamp() * 1000 // 1 + 1
            self.newest[event["u"]] = max(at, self.newest.get(event["u"], at))

        def query(self, request):
            return {"at": self.newest.get(request["u"])}

    view = sk.FeatureView(
        "v", sources=[source], entity=["u"], batch=batch, online=Online, features={"at": sk.close()}
    )
    result = sk.check(view, histories=64, seed=1, scenarios=["in_order"])
    assert [finding.kind for finding in result.findings] == ["value"]
