"""How far apart two columns are: counted against slow and exact arithmetic."""

import math
from decimal import Decimal
from fractions import Fraction

import numpy as np
import pytest

from skewtest.compare.distances import POINTS, Distances, measure_distances, summarise
from skewtest.compare.floats import ulps_between
from skewtest.sides.columns import Column


def distances(left, right):
    return measure_distances(Column.of(left), Column.of(right))


def told(batch, online):
    found = summarise(distances(batch, online))
    assert found is not None
    return found


def test_pairs_of_equal_numbers_are_counted_and_nothing_else():
    found = distances([1.0, 2, None, "a", True, math.nan], [1.0, 2, None, "a", True, math.nan])
    assert (found.compared, found.equal) == (2, 2)


def test_rows_in_which_a_side_has_no_finite_number_are_left_out():
    batch = [1.0, None, math.nan, math.inf, "x", 4.0, 5]
    online = [None, 2.0, 3.0, 1.0, "x", 4.5, 5]
    found = distances(batch, online)
    assert (found.compared, found.equal) == (2, 1)
    assert found.left.tolist(), found.right.tolist() == ([4.0], [4.5])


def test_an_equal_infinity_is_no_pair_of_finite_numbers():
    assert distances([math.inf, 1.0], [math.inf, 2.0]).compared == 1


@pytest.mark.parametrize("kind", [Decimal, int, float])
def test_numbers_of_any_type_are_compared_as_floats(kind):
    assert told([kind(3)], [kind(4)]).abs == (1.0, 1.0, 1.0, 1.0)


@pytest.mark.parametrize(
    ("batch", "online"),
    [
        (2**60, 2**60 + 1),
        (2**60, 2**60 - 1),
        (Decimal("0.1"), Decimal("0.10000000000000000001")),
        (2**53 + 1, float(2**53)),
    ],
)
def test_numbers_that_differ_by_less_than_a_float_are_not_equal(batch, online):
    found = distances([batch, 7], [online, 7])
    assert (found.compared, found.equal) == (2, 1)
    assert told([batch], [online]).ulps[-1] == 1.0
    assert (found.right[0] > found.left[0]) == (online > batch)


@pytest.mark.parametrize("huge", [Decimal("1e400"), 10**400, Decimal("Infinity"), Decimal("NaN")])
def test_numbers_beyond_the_floats_are_left_out(huge):
    assert distances([huge], [huge]).compared == 0
    assert distances([huge, 1.0], [1.0, 2.0]).compared == 1


def test_quantiles_are_errors_that_so_large_a_share_does_not_exceed():
    batch = [float(n) for n in range(1, 101)]
    online = [n + k for k, n in enumerate(batch)]  # errors 0 to 99
    assert told(batch, online).abs == (49.0, 89.0, 98.0, 99.0)


def test_most_pairs_equal_leave_the_median_at_zero():
    assert told([1.0] * 9 + [2.0], [1.0] * 9 + [3.0]).abs == (0.0, 0.0, 1.0, 1.0)


def test_ulps_are_what_the_comparer_counts():
    values = [
        (1.0, math.nextafter(1.0, 2)),
        (-1.0, 1.0),
        (0.0, 5e-324),
        (-0.5, -0.75),
        (1e308, -1e308),
    ]
    for one, other in values:
        assert told([one], [other]).ulps[3] == float(ulps_between(one, other))


def test_errors_agree_with_exact_arithmetic():
    rng = np.random.default_rng(7)
    batch = (rng.normal(size=200) * 10.0 ** rng.integers(-5, 5, 200)).tolist()
    online = (np.array(batch) * (1 + rng.normal(size=200) * 1e-3)).tolist()
    found = told(batch, online)
    pairs = [(Fraction(b), Fraction(o)) for b, o in zip(batch, online, strict=True)]
    smape = sum(2 * abs(b - o) / (abs(b) + abs(o)) for b, o in pairs) / len(pairs)
    assert found.smape == pytest.approx(float(smape), rel=1e-12)
    largest = max(abs(b - o) / max(abs(b), abs(o)) for b, o in pairs)
    assert found.rel[3] == pytest.approx(float(largest), rel=1e-12)


def test_opposite_largest_floats_overflow_nothing():
    found = told([1.7e308], [-1.7e308])
    assert all(math.isfinite(value) for value in (*found.abs, *found.rel, *found.ulps, found.smape))
    assert (found.smape, found.rel[3]) == (2.0, 2.0)


def test_the_histogram_has_a_bucket_for_each_power_of_two_of_ulps():
    steps = [0, 1, 2, 3, 4, 7, 8]
    online = [1.0 + n * 2.0**-52 for n in steps]
    assert told([1.0] * len(steps), online).histogram == (1, 1, 2, 2, 1)


def test_columns_without_numbers_have_no_errors():
    assert summarise(distances(["a", None], ["b", None])) is None
    assert summarise(distances([], [])) is None


def test_parts_add_up_to_the_whole():
    batch, online = [1.0, 2.0, 3.0, 4.0], [1.0, 2.5, 3.0, 4.5]
    whole = told(batch, online)
    halves = distances(batch[:2], online[:2]) + distances(batch[2:], online[2:])
    assert summarise(Distances() + halves) == whole


def test_few_of_many_pairs_are_kept_as_points_those_that_differ_first():
    batch = [float(n) for n in range(10_000)]
    online = [n + (n % 2) for n in batch]
    points = told(batch, online).points
    assert len(points) == 2 * POINTS
    assert all(b != o for b, o in points[:POINTS])
    assert all(b == o for b, o in points[POINTS:])
    assert points[0] == (1.0, 2.0)
    assert points[POINTS - 1] == (9_999.0, 10_000.0)
