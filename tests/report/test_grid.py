"""The grid: each declared feature under each scenario, in the state that needs a look first."""

import pytest
from made_reports import environment, finding, outcome, report, view

from skewtest.declare.delivery import RELATIONS, SCENARIOS
from skewtest.report import model
from skewtest.report.grid import MEANINGS, grid_of

KNOWN = model.Known(owner="ann", reason="later", expires="2099-12-31", expired=False)
STALE = model.Stale(feature="a", kind="value", owner="ann", reason="later")


def states(*outcomes, **given):
    grid = grid_of(report(*outcomes, **given))
    return {row.name: {name: cell.state for name, cell in row.cells.items()} for row in grid.rows}


def both(name="v", scenario="in_order", **given):
    return outcome(name, scenario, ("a", "b"), **given)


@pytest.mark.parametrize(
    ("given", "a"),
    [
        ({}, "parity"),
        ({"findings": [finding("a")]}, "fails"),
        ({"findings": [finding("*")]}, "fails"),
        ({"findings": [finding("b")]}, "parity"),
        ({"findings": [finding("a")], "gates": False}, "advice"),
        ({"findings": [finding("a", known=KNOWN)], "ok": True}, "known"),
        ({"untested": ["a"], "ok": False}, "untested"),
        ({"stale": [STALE], "ok": False}, "stale"),
        ({"skipped": "needs snapshot()"}, "skipped"),
    ],
    ids=lambda given: given if isinstance(given, str) else ", ".join(given) or "nothing",
)
def test_each_thing_that_can_be_is_a_state(given, a):
    assert states(both(**given))["v.a"] == {"in_order": a}


def test_what_was_skipped_is_skipped_for_every_feature_that_is_declared():
    one = both(scenario="restarted", skipped="needs snapshot()")
    one.features.clear()  # as of a run: nothing was compared
    assert states(both(), one, views=[view("v", ("a", "b"))]) == {
        "v.a": {"in_order": "parity", "restarted": "skipped"},
        "v.b": {"in_order": "parity", "restarted": "skipped"},
    }


@pytest.mark.parametrize(
    ("skipped", "state"), [(["late"], "parity"), (["in_order", "late"], "skipped")]
)
def test_a_feature_with_parity_is_not_skipped_because_a_scenario_is(skipped, state):
    names = ("in_order", "late")
    held = [both(scenario=name, skipped="no" if name in skipped else None) for name in names]
    assert {row.state for row in grid_of(report(*held)).rows} == {state}


def test_a_view_that_failed_before_it_compared_anything_is_in_the_grid():
    one = both(findings=[finding("*", kind="error", values={}, counterexample=None)])
    one.features.clear()
    assert states(one, views=[view("v", ("a", "b"))]) == {
        "v.a": {"in_order": "fails"},
        "v.b": {"in_order": "fails"},
    }


def test_a_feature_that_was_never_run_is_a_row_without_cells():
    assert states(both("w"), views=[view("v", ("a",)), view("w", ("a", "b"))])["v.a"] == {}


def test_columns_are_scenarios_in_their_order_and_cells_after_them():
    cell = [environment("train"), environment("serve")]
    grid = grid_of(
        report(both(scenario="relations"), both(cell=cell), both(scenario="late"), both())
    )
    assert grid.columns == ("in_order", "in_order-train~serve", "late", "relations")


def test_too_many_columns_are_folded_into_their_scenarios_with_how_many_are_so():
    cells = [
        both(
            cell=[environment("train"), environment(f"serve{number}")],
            findings=[finding("a")] if number else [],
        )
        for number in range(3)
    ]
    (a, b) = grid_of(report(*cells)).fold(2).rows
    assert (a.cells["in_order"].state, a.cells["in_order"].share) == ("fails", "2/3")
    assert (b.cells["in_order"].state, b.cells["in_order"].share) == ("parity", "")
    assert a.cells["in_order"].outcomes == (0, 1, 2)


def test_only_rows_and_columns_that_fail_a_run_are_failing():
    grid = grid_of(report(both(findings=[finding("a")]), both(scenario="late"))).failing()
    assert ([row.name for row in grid.rows], grid.columns) == (["v.a"], ("in_order",))


def test_every_column_has_a_meaning():
    assert [*MEANINGS] == [*SCENARIOS, RELATIONS]
