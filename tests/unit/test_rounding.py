"""What counts as rounding under a plain `close()`, and what does not."""

import math

import pytest

import skewtest as sk
from skewtest.compare.rounding import exceeds_bound, grid_of, is_plain, largest_of, on_grid
from skewtest.compare.tables import Divergence

SOURCE = sk.Source("orders", time="ts", columns={"user_id": sk.key()})


def view(tolerance):
    return sk.FeatureView(
        "spend",
        sources=[SOURCE],
        entity=["user_id"],
        batch=None,
        online=None,
        features={"x": tolerance},
    )


def value(batch, online, kind="value"):
    return Divergence(0, "x", kind, batch, online)


@pytest.mark.parametrize(
    ("batch", "online", "largest", "plain"),
    [
        (1.0, 1.1, 1.0, True),
        (1.0, 1.00000001, 1.0, False),
        (1.0, 1.00001, 1.0, True),
        (1e-3, 2e-3, 1e6, False),
        (0.0, 1.0, 1e5, True),
        (0.0, 1.0, 1e7, False),
        (3, 4.0, 0.0, True),
        (math.inf, 1.0, 1.0, False),
    ],
)
def test_a_difference_is_plain_above_a_millionth_of_values_and_inputs(
    batch, online, largest, plain
):
    assert is_plain(view(sk.close()), value(batch, online), largest) is plain


@pytest.mark.parametrize(
    "tolerance", [sk.exact(), sk.close(rel=1e-12), sk.vector(cosine=1e-9)], ids=repr
)
def test_what_the_owner_chose_is_never_taken_for_rounding(tolerance):
    assert is_plain(view(tolerance), value(1.0, 1.0 + 1e-15), 1e12)


def test_counts_are_never_taken_for_rounding():
    assert is_plain(view(sk.close()), value(10**15, 10**15 + 1), 1e15)


@pytest.mark.parametrize("kind", ["null", "missing row", "dtype", "error"])
def test_other_kinds_are_never_taken_for_rounding(kind):
    assert is_plain(view(sk.close()), value(None, 0.0, kind), 1e15)


def test_rounding_may_grow_with_the_number_and_size_of_inputs():
    gap = value(1.0, 1.0 + 1e-8)
    assert exceeds_bound(gap, 1, 1.0)
    assert not exceeds_bound(gap, 1, 1e6)
    assert exceeds_bound(value(1.0, 1.0 + 1e-12), 1, 1.0)
    assert not exceeds_bound(value(1.0, 1.0 + 1e-12), 100, 1.0)


def test_an_infinity_exceeds_any_bound():
    assert exceeds_bound(value(math.inf, 1.0), 1000, 1e300)


def test_what_loses_its_own_value_is_not_granted_squares():
    assert exceeds_bound(value(0.001, 0.002), 2, 1e5)
    assert not exceeds_bound(value(0.001, 0.002), 2, 1e12)


def test_the_largest_input_is_the_largest_finite_magnitude_of_floats():
    assert largest_of([1.0, -3.5, 2, "x", None, math.inf, math.nan, True]) == 3.5
    assert largest_of([]) == 0.0
    assert largest_of([2**60, None]) == 0.0


@pytest.mark.parametrize(
    ("largest", "spacing"),
    [(0.0, 1.0), (1.0, 2.0**-39), (1.5, 2.0**-39), (2.0, 2.0**-38), (1e6, 2.0**-20)],
)
def test_the_grid_leaves_forty_bits_of_the_largest_input(largest, spacing):
    assert grid_of(largest) == spacing


def test_sums_of_thousands_on_the_grid_are_exact():
    values = [on_grid(x / 7, grid_of(1000.0)) for x in range(1, 7000)]
    assert sum(values) == math.fsum(values)
    assert sum(reversed(values)) == math.fsum(values)


def test_a_value_goes_to_the_nearest_multiple_and_oddities_stay():
    assert on_grid(0.3, 0.25) == 0.25
    assert on_grid(-0.4, 0.25) == -0.5
    assert on_grid(math.inf, 0.25) == math.inf
    assert math.isnan(on_grid(math.nan, 0.25))
