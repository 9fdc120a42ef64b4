"""Two sides' answers become divergences and a tally."""

import math

import pytest

import skewtest as sk
from skewtest.compare.tables import Tally, compare
from skewtest.sides.answers import MISSING, NULL_OR_NAN, Answers, Extra, Failure

SOURCE = sk.Source("orders", time="ts", columns={"user_id": sk.key()})


def view(equal=(), **features):
    return sk.FeatureView(
        "spend",
        sources=[SOURCE],
        entity=["user_id"],
        batch=None,
        online=None,
        features=features or {"n": sk.exact()},
        equal=equal,
    )


def answers(failures=None, extra=(), skipped=(), **values):
    return Answers.of(values, failures, extra=tuple(extra), skipped=frozenset(skipped))


def told(divergences):
    return [(d.row, d.feature, d.kind, d.left, d.right) for d in divergences]


def test_rows_that_agree_are_counted_and_not_told():
    comparison = compare(view(), answers(n=[1, 2, 3]), answers(n=[1, 2, 3]))
    found, tallies = comparison.divergences, comparison.tallies
    assert found == []
    assert tallies == {"n": Tally(match=3)}


def test_a_row_that_differs_is_told_with_both_values():
    comparison = compare(view(), answers(n=[1, 2, 3]), answers(n=[1, 5, 3]))
    found, tallies = comparison.divergences, comparison.tallies
    assert told(found) == [(1, "n", "value", 2, 5)]
    assert tallies == {"n": Tally(match=2, mismatch=1)}


def test_divergences_come_in_spine_order_for_each_feature():
    spend = view(n=sk.exact(), total=sk.close())
    batch, online = answers(n=[1, 1], total=[1.0, 1.0]), answers(n=[2, 2], total=[2.0, 2.0])
    comparison = compare(spend, batch, online)
    found = comparison.divergences
    assert [(d.row, d.feature) for d in found] == [(0, "n"), (1, "n"), (0, "total"), (1, "total")]


def test_null_on_both_sides_agrees_vacuously():
    comparison = compare(view(), answers(n=[None, None]), answers(n=[None, None]))
    tallies = comparison.tallies
    assert tallies == {"n": Tally(both_null=2)}
    assert tallies["n"].compared == 0


def test_null_on_one_side_is_counted_for_the_side_that_has_a_value():
    comparison = compare(view(), answers(n=[None, 1, 1]), answers(n=[1, None, math.nan]))
    found, tallies = comparison.divergences, comparison.tallies
    assert [d.kind for d in found] == ["null", "null", "null"]
    assert tallies == {"n": Tally(left_only=2, right_only=1)}


def test_two_kinds_of_nothing_are_a_mismatch():
    comparison = compare(view(), answers(n=[None]), answers(n=[math.nan]))
    found, tallies = comparison.divergences, comparison.tallies
    assert [d.kind for d in found] == ["null"]
    assert tallies == {"n": Tally(mismatch=1)}


def test_two_kinds_of_nothing_that_count_as_one_agree_vacuously():
    comparison = compare(view(("null", "nan")), answers(n=[None]), answers(n=[math.nan]))
    found, tallies = comparison.divergences, comparison.tallies
    assert found == []
    assert tallies == {"n": Tally(both_null=1)}


def test_what_pandas_has_for_null_agrees_with_null():
    comparison = compare(view(), answers(n=[NULL_OR_NAN]), answers(n=[None]))
    found, tallies = comparison.divergences, comparison.tallies
    assert found == []
    assert tallies == {"n": Tally(both_null=1)}


def test_a_row_that_one_side_lacks_is_told_once_for_all_features():
    spend = view(n=sk.exact(), total=sk.close())
    batch = answers(n=[1, MISSING], total=[1.0, MISSING])
    comparison = compare(spend, batch, answers(n=[1, 2], total=[1.0, 2.0]))
    found, tallies = comparison.divergences, comparison.tallies
    assert told(found) == [(1, "", "missing row", MISSING, 2)]
    assert tallies == {"n": Tally(match=1), "total": Tally(match=1)}


def test_a_row_that_both_sides_lack_agrees():
    comparison = compare(view(), answers(n=[MISSING]), answers(n=[MISSING]))
    found, tallies = comparison.divergences, comparison.tallies
    assert found == []
    assert tallies == {"n": Tally(both_null=1)}


def test_a_missing_row_is_null_where_they_count_as_one():
    spend = view(("null", "missing"))
    comparison = compare(spend, answers(n=[MISSING, MISSING]), answers(n=[None, 3]))
    found, tallies = comparison.divergences, comparison.tallies
    assert told(found) == [(1, "n", "missing row", MISSING, 3)]
    assert tallies == {"n": Tally(both_null=1, right_only=1)}


def test_a_side_that_failed_is_told_once_for_all_features():
    failure = Failure("online", "raised", exception=KeyError("user_id"))
    spend = view(n=sk.exact(), total=sk.close())
    online = answers({0: failure}, n=[MISSING, 2], total=[MISSING, 2.0])
    comparison = compare(spend, answers(n=[1, 2], total=[1.0, 2.0]), online)
    found, tallies = comparison.divergences, comparison.tallies
    assert told(found) == [(0, "", "error", None, failure)]
    assert tallies == {"n": Tally(match=1), "total": Tally(match=1)}


def test_a_side_that_hangs_is_a_timeout_whatever_the_other_did():
    hang, crash = Failure("batch", "timeout"), Failure("online", "raised")
    comparison = compare(view(), answers({0: hang}, n=[MISSING]), answers({0: crash}, n=[MISSING]))
    found = comparison.divergences
    assert told(found) == [(0, "", "timeout", hang, crash)]


def test_columns_that_agree_at_first_sight_are_counted_like_others():
    column = [1, math.nan, None, 2.5, True]
    alike = compare(view(), answers(n=column), answers(n=column))
    closer = compare(view(), answers(n=[*column, 1]), answers(n=[*column, 2]))
    assert alike.divergences == []
    assert alike.tallies == {"n": Tally(match=3, both_null=2)}
    assert closer.tallies == {"n": Tally(match=3, both_null=2, mismatch=1)}


def test_equal_numbers_of_other_types_are_looked_at_closely():
    sides = answers(n=[1, True]), answers(n=[1, 1])
    comparison = compare(view(n=sk.exact(dtype=True)), *sides)
    found = comparison.divergences
    assert told(found) == [(1, "n", "dtype", True, 1)]


def test_skipped_rows_are_neither_told_nor_counted():
    failure = Failure("batch", "raised")
    batch = answers({1: failure}, skipped=[0, 1], n=[MISSING, MISSING, 3])
    comparison = compare(view(), batch, answers(n=[1, 2, 3]))
    found, tallies = comparison.divergences, comparison.tallies
    assert found == []
    assert tallies == {"n": Tally(match=1)}


def test_rows_that_nobody_asked_for_are_told_with_their_key():
    extra = Extra(("a", 1709856000000000), 2, asked=False)
    comparison = compare(view(), answers(extra=[extra], n=[1]), answers(n=[1]))
    found, tallies = comparison.divergences, comparison.tallies
    assert told(found) == [(-1, "", "extra row", extra, None)]
    assert tallies == {"n": Tally(match=1)}


def test_a_tolerance_on_a_string_is_an_error_of_the_declaration():
    comparison = compare(view(n=sk.close()), answers(n=["a"]), answers(n=["b"]))
    found, tallies = comparison.divergences, comparison.tallies
    (divergence,) = found
    assert (divergence.kind, divergence.feature) == ("error", "n")
    assert divergence.left.code == "tolerance"
    assert divergence.left.facts == {"feature": "n", "family": "string"}
    assert tallies == {"n": Tally(mismatch=1)}


@pytest.mark.parametrize(
    ("batch", "online"),
    [(["a"], ["b"]), ([[1.0]], [[2.0]]), (10**400, 1.0), ([10**400], [1.0])],
    ids=["strings", "nested-lists", "beyond-float64", "vector-beyond-float64"],
)
def test_values_that_no_tolerance_suits_do_not_stop_the_comparison(batch, online):
    tolerance = sk.vector(cosine=0.1) if isinstance(batch, list) else sk.close()
    comparison = compare(view(n=tolerance), answers(n=[batch]), answers(n=[online]))
    found = comparison.divergences
    assert [d.kind for d in found] in (["error"], ["value"])


def test_values_are_compared_by_spine_row_and_not_by_their_order():
    comparison = compare(view(), answers(n=[1, 2]), answers(n=[2, 1]))
    found = comparison.divergences
    assert told(found) == [(0, "n", "value", 1, 2), (1, "n", "value", 2, 1)]


def test_equal_ints_beyond_2_to_53_do_not_hide_different_ones():
    comparison = compare(view(), answers(n=[2**53, 2**53]), answers(n=[2**53, 2**53 + 1]))
    found = comparison.divergences
    assert [d.row for d in found] == [1]


def test_a_flag_is_a_number_unless_its_type_counts():
    batch, online = answers(n=[True, 0]), answers(n=[1, False])
    assert not compare(view(), batch, online).divergences
    comparison = compare(view(n=sk.exact(dtype=True)), batch, online)
    found = comparison.divergences
    assert [d.kind for d in found] == ["dtype", "dtype"]


def test_equal_lists_under_a_cosine_tolerance_agree():
    comparison = compare(
        view(n=sk.vector(cosine=0.1)), answers(n=[[1.0, 2.0]]), answers(n=[[1.0, 2.0]])
    )
    found, tallies = comparison.divergences, comparison.tallies
    assert found == []
    assert tallies == {"n": Tally(match=1)}


def test_the_same_failure_groups_and_different_ones_do_not():
    def group(error, code="raised"):
        failure = Failure("online", code, exception=error)
        comparison = compare(view(), answers(n=[1]), answers({0: failure}, n=[MISSING]))
        return comparison.divergences[0].group

    assert group(KeyError("a")) == group(KeyError("b"))
    assert group(KeyError("a")) != group(ValueError("a"))
    assert group(None, "no_method") != group(None, "not_a_mapping")


def test_tallies_add_up():
    assert Tally(1, 2, 3, 4, 5) + Tally(10, 20, 30, 40, 50) == Tally(11, 22, 33, 44, 55)
    assert Tally(1, 2, 3, 4, 5).compared == 12
