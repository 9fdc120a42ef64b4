"""What is rounding under a plain `close()`, and what is not: the arithmetic."""

import math

import numpy as np
import pytest

import skewtest as sk
from skewtest.compare.rounding import (
    Moves,
    are_singles,
    is_doubtful,
    is_exact_regime,
    is_rounding,
    is_unstable,
    jitter,
    jitter_sizes,
    numbers_of,
    relative_size,
    residue_of,
    to_grid,
    unstable_side,
)
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


def value(left, right, kind="value"):
    return Divergence(0, "x", kind, left, right)


@pytest.mark.parametrize(
    ("left", "right", "doubtful"),
    [
        (1.0, 1.1, True),
        (1.0, 2, True),
        (10**15, 10**15 + 1, False),
        (math.inf, 1.0, False),
        ([1.0, 2.0], [1.0, 2.5], True),
        ([1.0, 2.0], [1.0], False),
        ({"a": 1.0}, {"a": 1.5}, True),
        ([1, 2], [1, 3], False),
        ("a", "b", False),
    ],
)
def test_only_finite_numbers_among_which_is_a_float_may_be_rounding(left, right, doubtful):
    assert is_doubtful(view(sk.close()), value(left, right)) is doubtful


@pytest.mark.parametrize(
    "tolerance", [sk.exact(), sk.close(rel=1e-12), sk.vector(cosine=1e-9)], ids=repr
)
def test_what_the_owner_chose_is_never_taken_for_rounding(tolerance):
    assert not is_doubtful(view(tolerance), value(1.0, 1.0 + 1e-15))


@pytest.mark.parametrize("kind", ["null", "missing row", "dtype", "error"])
def test_other_kinds_are_never_taken_for_rounding(kind):
    assert not is_doubtful(view(sk.close()), value(None, 0.0, kind))


def moves(left, right):
    return Moves.of(zip(left, right, strict=True), 1)


def test_a_difference_that_copies_redraw_is_rounding():
    drawn = moves([1.0, 1.0, 1.0], [1.0 + 3e-9, 1.0 - 2e-9, 1.0])
    assert is_rounding(value(1.0, 1.0 + 1e-8), drawn, 4.0)
    assert not is_rounding(value(1.0, 1.0 + 3e-8), drawn, 4.0)


def test_a_difference_that_stays_where_it_was_is_none():
    stays = moves([5.0, 5.1, 5.2], [5.0 + 1e-9, 5.1 + 1e-9, 5.2 + 1e-9])
    assert not is_rounding(value(5.0, 5.0 + 1e-9), stays, 4.0)


def test_a_difference_that_is_gone_on_every_copy_is_none():
    gone = moves([0.0, 0.0, 0.0], [0.0, 0.0, 0.0])
    assert not is_rounding(value(0.0, 1.0), gone, 4.0)


def test_eight_floats_apart_is_rounding_whatever_copies_show():
    assert is_rounding(value(1.0, 1.0 + 8 * 2.0**-52), moves([], []), 4.0)
    assert not is_rounding(value(1.0, 1.0 + 9 * 2.0**-52), moves([], []), 4.0)


def test_each_number_of_a_list_is_judged_by_itself():
    ends = [([1.0, 1.0], [1.0 + noise, 1.0]) for noise in (1e-8, -1e-8, 0.0)]
    drawn = Moves.of(ends, 2)
    assert is_rounding(value([1.0, 1.0], [1.0 + 1e-8, 1.0]), drawn, 4.0)
    assert not is_rounding(value([1.0, 1.0], [1.0, 1.0 + 1e-8]), drawn, 4.0)


def test_copies_without_a_number_do_not_count():
    drawn = Moves.of([(None, 1.0), (1.0, math.nan), (1.0, 2.0), (1.0, [2.0, 3.0])], 1)
    assert len(drawn.left) == 1


def test_the_size_is_relative_to_the_larger_end():
    assert relative_size(value(0.0, 2.0)) == 1.0
    assert relative_size(value(4.0, 5.0)) == 0.2
    assert relative_size(value([1.0, 0.0], [1.0, 0.0])) == 0.0
    assert relative_size(value(None, 1.0)) == math.inf


def test_the_side_that_scatters_is_the_unstable_one():
    assert unstable_side(moves([1.0, 1.0, 1.0], [0.0, 2.0, 9.0])) == "right"
    assert unstable_side(moves([0.0, 2.0, 9.0], [1.0, 1.0, 1.0])) == "left"
    assert unstable_side(moves([0.0, 2.0], [1.0, 3.0])) == "both"


def test_what_float32_holds_is_told():
    assert are_singles([0.5, float(np.float32(0.1)), [1.0, 2.0]])
    assert not are_singles([0.1])
    assert not are_singles([None])
    assert not are_singles([1e300])


def test_values_are_moved_by_what_their_sums_round_and_never_by_much_of_themselves():
    values, largest = np.array([1e-300, 1.0, 1e12]), np.full(3, 1e12)
    sizes = jitter_sizes(values, largest, 10, "sums")
    assert sizes.tolist() == [2.0**-12 * 1e-300, 2.0**-12, 10 * 2.0**-52 * 1e12]
    wider = jitter_sizes(np.array([1e3, 1e5]), np.full(2, 1e5), 1, "squares")
    assert wider.tolist() == [2.0**-52 * 1e5 * 100, 2.0**-52 * 1e5]


def test_every_value_but_zero_is_moved():
    values = np.array([-5.0, 0.0, 1.0, 1e300])
    moved = jitter(values, np.zeros(4), np.random.default_rng(0))
    assert (moved == values).tolist() == [False, True, False, False]


@pytest.mark.parametrize(
    ("values", "exact"),
    [
        ([], True),
        ([0.0, math.inf], True),
        ([1.0, 2.0, 10.0], True),
        ([0.5, 12.25], True),
        ([0.1], False),
        ([1.0, 2.0**30], False),
    ],
)
def test_small_multiples_of_a_power_of_two_are_exact(values, exact):
    assert is_exact_regime(values, 5) is exact


def test_the_grid_keeps_signs_zeros_and_what_is_not_finite():
    values = np.array([1000.3, -0.2, 0.0, 1e-9, -7.4, math.inf])
    assert to_grid(values).tolist() == [1000.0, -1.0, 0.0, 1.0, -7.0, math.inf]
    assert is_exact_regime(to_grid(np.array([1e-5, 3.7, 999.9])).tolist(), 1)


def test_numbers_inside_records_come_in_the_order_of_their_names():
    numbers = numbers_of({"b": [1, 2.5], "a": True})
    assert numbers is not None
    assert numbers.tolist() == [1.0, 1.0, 2.5]
    assert numbers_of(["a"]) is None
    assert numbers_of(10**400) is None


def test_what_is_left_of_a_cancelled_sum_is_not_unstable_and_what_it_swallows_is():
    cents = residue_of([0.01, 1e4], 120)
    assert not is_unstable(value(0.0, -1.5e-12), cents)
    assert is_unstable(value(20.0, 0.0), residue_of([1e17, 20.0], 3))
    assert is_unstable(value(0.0, 2.0), residue_of([1e8, 1e8 + 1], 2))
    assert not is_unstable(value(1.0, 1.0 + 1e-9), 0.0)
