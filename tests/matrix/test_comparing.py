"""compare_environments, under two environments that are this interpreter with another variable."""

import sys
from pathlib import Path

import compared_functions as fns
import numpy as np
import pandas as pd
import pytest

import skewtest as sk
from skewtest.environments.failures import EnvironmentFailedError
from skewtest.errors import DeclarationError
from skewtest.sides.addresses import NoAddressError
from skewtest.sides.process import end_workers

pytestmark = pytest.mark.matrix

ROWS = [{"x": float(number), "k": "ab"[number % 2]} for number in range(10)]
ONE, TWO = (
    sk.Environment(name, interpreter=sys.executable, variables={"VERSION": version})
    for name, version in (("one", "1"), ("two", "2"))
)


@pytest.fixture(scope="module", autouse=True)
def workers():
    yield
    end_workers()


def compared(function, **settings):
    return sk.compare_environments(function, ROWS, a=ONE, b=TWO, **settings)


def kinds(result):
    return [finding.kind for finding in result.findings]


@pytest.mark.parametrize(
    "function",
    [
        *(fns.same, fns.usual_width, fns.other_order, fns.prints_much, fns.reads_input),
        *(fns.changes_its_rows, fns.wants_pandas, fns.wants_polars, fns.waits),
        fns.adapted.function,
    ],
)
def test_what_no_version_changes_is_the_same(function):
    result = compared(function)
    assert result.ok, result.report()
    assert result.report() == ""
    assert result.histories == len(ROWS)


@pytest.mark.parametrize(
    ("function", "expected"),
    [
        (fns.one_ulp, ["value"]),
        (fns.minus_zero, ["value"]),
        (fns.null_for_nan, ["null"]),
        (fns.integer_for_float, ["dtype"]),
        (fns.narrow, ["dtype"]),
        (fns.lost_key, ["value"]),
        (fns.text_key, ["value"]),
        (fns.series_index, ["value"]),
        (fns.frame_dtype, ["dtype"]),
        (fns.only_one_row_matters, ["value"]),
        (fns.Scaler.scaled, ["value"]),
        (fns.raises_on_one_side, ["error"]),
        (fns.raises_otherwise, ["error"]),
    ],
)
def test_what_a_version_changes_is_its_doing(function, expected):
    result = compared(function)
    assert not result.ok
    assert kinds(result) == expected
    assert {finding.cause for finding in result.findings} == {"library.version"}


@pytest.mark.parametrize(
    "function",
    [fns.random_answer, fns.clock_answer, fns.order_of_a_set, fns.counts_its_calls],
)
def test_what_differs_within_one_environment_is_not_put_down_to_a_version(function):
    result = compared(function)
    assert kinds(result) == ["nondeterministic"]
    assert result.findings[0].cause == "unknown"
    assert "answers differently when run twice" in result.report()


def test_few_rows_show_a_difference_and_the_distance_is_told():
    (finding,) = compared(fns.only_one_row_matters).findings
    assert finding.given.rows == ({"x": 7.0, "k": "b"},)
    (finding,) = compared(fns.one_ulp).findings
    assert [(place.path, place.ulps) for place in finding.places] == [("['total']", 1)]
    (finding,) = compared(fns.raises_on_one_side).findings
    assert finding.given.rows == ({"x": 7.0, "k": "b"},)
    assert finding.side == "two"


def test_a_tolerance_excuses_floats_and_nothing_else():
    assert compared(fns.one_ulp, tolerance=sk.close(rel=1e-9)).ok
    assert not compared(fns.lost_key, tolerance=sk.close(rel=1e-9)).ok


@pytest.mark.fault("a compared function raises in both environments", "inconclusive", ends="gap")
def test_both_sides_raising_alike_is_inconclusive_and_never_a_pass():
    result = compared(fns.raises_alike)
    assert not result.ok
    assert result.outcomes[0].inconclusive
    assert result.findings[0].cause == "unknown"
    assert "nothing was compared" in result.report()


@pytest.mark.fault(
    "a compared function answers what cannot be compared", "inconclusive", ends="gap"
)
def test_what_cannot_be_compared_is_never_a_pass():
    result = compared(fns.odd_object)
    assert kinds(result) == ["error"]
    assert "returned an object" in result.report()


def test_that_both_return_none_is_told():
    result = compared(fns.nothing)
    assert result.ok
    assert result.untested == ("nothing",)


@pytest.mark.fault(
    "a compared function dies or hangs", "a finding, and the next call is served", ends="finding"
)
@pytest.mark.parametrize(
    ("function", "kind", "told"),
    [
        (fns.crashes, "error", "two ended its process: SIGSEGV"),
        (fns.leaves, "error", "two ended its process: exit code 3"),
        (fns.hangs, "timeout", "two did not return within 0.5 s"),
    ],
)
def test_a_process_that_dies_or_hangs_is_named_and_the_next_call_is_served(function, kind, told):
    result = compared(function, timeout=0.5)
    assert kinds(result) == [kind]
    assert result.findings[0].side == "two"
    assert told in result.report()
    assert compared(fns.same).ok


def test_a_reference_tells_which_environment_is_off():
    result = compared(
        fns.one_ulp,
        reference=lambda rows: {"total": sum((row["x"] for row in rows), 0.0), "n": len(rows)},
    )
    assert result.findings[0].places[0].drift == (0, 1)
    assert "1 ulp (0 and 1 off the reference)" in result.report()


def test_the_report_is_json_too():
    document = compared(fns.one_ulp).to_dict()
    (run,) = document["compared"]
    assert document["ok"] is False
    assert [side["name"] for side in run["environments"]] == ["one", "two"]
    assert run["findings"][0]["places"][0]["ulps"] == 1
    assert run["environments"][0]["packages"]["numpy"]
    assert run["environments"][0]["cpu"]
    assert run["environments"][0]["threads"] == 1


def test_the_processor_can_be_made_a_plain_one():
    plain = sk.Environment("plain", interpreter=sys.executable, cpu="baseline")
    (compared,) = sk.compare_environments(fns.waits, ROWS, a="here", b=plain).outcomes
    here, baseline = compared.cell
    assert set(baseline.cpu) < set(here.cpu)


def test_a_function_can_be_named_by_text(monkeypatch):
    monkeypatch.syspath_prepend(str(Path(__file__).parent))
    assert kinds(compared("compared_functions:one_ulp")) == ["value"]
    with pytest.raises(DeclarationError, match="Did you mean 'one_ulp'"):
        compared("compared_functions:one_ulps")
    with pytest.raises(DeclarationError, match="module:function"):
        compared("one_ulp")


def test_a_function_made_in_a_test_crosses_by_its_source():
    def made_here(rows):
        import os  # noqa: PLC0415 - as users write them

        return os.environ["VERSION"] + str(len(rows))

    assert kinds(compared(made_here)) == ["value"]


def test_what_cannot_be_found_again_is_told_with_the_next_step():
    held = 3
    with pytest.raises(NoAddressError, match=r"whose held it uses.*top level of a module"):
        compared(_closure(held))
    with pytest.raises(NoAddressError, match="no module holds it by name"):
        compared(lambda rows: 1)


def _closure(held):
    def closed(rows):
        return held

    return closed


def test_wrong_arguments_are_told():
    with pytest.raises(DeclarationError, match="list of dicts; got str"):
        sk.compare_environments(fns.same, "rows", a=ONE, b=TWO)
    with pytest.raises(DeclarationError, match="takes an Environment"):
        sk.compare_environments(fns.same, ROWS, a=ONE, b=3)
    with pytest.raises(DeclarationError, match="declares no environment 'train'"):
        sk.compare_environments(fns.same, ROWS, a="train", b=TWO)
    with pytest.raises(EnvironmentFailedError, match="interpreter missing"):
        sk.compare_environments(fns.same, ROWS, a=ONE, b=sk.Environment(interpreter="/no/python"))


def test_rows_of_library_values_cross_as_what_they_hold():
    rows = [{"x": np.float32(0.5), "k": pd.Timestamp("2024-01-01"), "v": np.array([1, 2])}]
    assert sk.compare_environments(fns.texts, rows, a=ONE, b=TWO).ok
    with pytest.raises(DeclarationError, match="row 0 holds object as 'x'"):
        sk.compare_environments(fns.texts, [{"x": object()}], a=ONE, b=TWO)


def test_no_rows_and_the_environment_here():
    assert sk.compare_environments(fns.waits, [], a="here", b="here").ok
