"""Values of any library compare by what they mean, to the last digit; a wrong comparer is seen."""

import random
from decimal import Decimal
from fractions import Fraction

import pytest
from value_oracle import draw_meaning, draw_neighbour, kind_of, spell_meaning

import skewtest as sk
from skewtest.compare import values
from skewtest.worker import exact, library_times
from skewtest.worker import values as worker_values

TOLERANCES = {
    "exact": (sk.exact(), None),
    "close": (sk.close(abs=0.75, rel=0.0), (0.75, 0.0)),
    "relative": (sk.close(rel=0.5), (0.0, 0.5)),
}
FEW, MANY = 2_000, 30_000


def difference_of(left, right, tolerance):
    try:
        return values.difference(
            worker_values.plain(left), worker_values.plain(right), tolerance, frozenset()
        )
    except values.ToleranceError:
        return "tolerance"
    except worker_values.OddValueError:
        return "odd"


def first_disagreement(rounds, seed=1):
    """Return values that the comparer judges otherwise than the oracle, None if there are none."""
    draws = random.Random(seed)  # noqa: S311 - the same values in each run
    for _ in range(rounds):
        left = draw_meaning(draws)
        right = draws.choice([left, draw_neighbour(draws, left), draw_meaning(draws)])
        tolerance, bound = TOLERANCES[draws.choice([*TOLERANCES])]
        spelled = spell_meaning(draws, left), spell_meaning(draws, right)
        if difference_of(*spelled, tolerance) != kind_of(left, right, bound):
            return spelled, tolerance, kind_of(left, right, bound)
    return None


def test_values_compare_by_what_they_mean():
    assert first_disagreement(FEW) is None


@pytest.mark.fuzz
@pytest.mark.parametrize("seed", range(2, 7))
def test_many_values_compare_by_what_they_mean(seed):
    assert first_disagreement(MANY, seed) is None


# -- planted bugs ---------------------------------------------------------------------------------


def drop_nanoseconds(kind, micros, zone=None):
    return exact._python_time(kind, int(micros // 1), zone)


def keep_texts_of_keys(name, depth):
    return str(name)


def round_long_doubles(value):
    return float(value)


def compare_as_floats(left, right, tolerance):
    try:
        return None if float(left) == float(right) else "value"
    except OverflowError:
        return "value"


def forget_zones(value):
    return False


def cut_longer_lists(left, right, tolerance, equal):
    for pair in zip(left, right, strict=False):
        if kind := values.difference(*pair, tolerance, equal):
            return kind
    return None


def take_null_for_nan(value):
    if value is None or (isinstance(value, float | Decimal) and value != value):
        return "nan"
    return None if value is not values.MISSING else "missing"


def leave_the_ends_out(left, right, absolute, relative):
    exact_left, exact_right = Fraction(left), Fraction(right)
    larger = max(abs(exact_left), abs(exact_right))
    return abs(exact_left - exact_right) < Fraction(absolute) + Fraction(relative) * larger


def measure_the_smaller(left, right, absolute, relative):
    ends = Fraction(left), Fraction(right)
    allowed = Fraction(absolute) + Fraction(relative) * min(map(abs, ends))
    return abs(ends[0] - ends[1]) <= allowed


def ignore_keys(left, right, tolerance, equal):
    return values._difference_of_lists([*left.values()], [*right.values()], tolerance, equal)


PLANTED = [
    (library_times, "time_of", drop_nanoseconds),
    (exact, "time_of", drop_nanoseconds),
    (worker_values, "_plain_key", keep_texts_of_keys),
    (worker_values, "_number_of_long", round_long_doubles),
    (values, "_difference_of_numbers", compare_as_floats),
    (values, "_is_aware", forget_zones),
    (values, "_difference_of_lists", cut_longer_lists),
    (values, "nothing_of", take_null_for_nan),
    (values, "_are_numbers_close", leave_the_ends_out),
    (values, "_are_numbers_close", measure_the_smaller),
    (values, "_are_floats_close", measure_the_smaller),
    (values, "_difference_of_structs", ignore_keys),
]


@pytest.mark.parametrize(
    ("module", "name", "wrong"), PLANTED, ids=[wrong.__name__ for *_, wrong in PLANTED]
)
def test_a_planted_bug_is_seen(monkeypatch, module, name, wrong):
    monkeypatch.setattr(module, name, wrong)
    assert first_disagreement(FEW) is not None
