"""The page of faults says what the tests say, and no fault may end green."""

import fault_rows
import pytest

LEAST_ROWS = 80


def rows_of(text):
    return [*fault_rows._rows_of(fault_rows.ast.parse(text), "tests/faults/test_x.py")]


def test_the_page_is_what_the_tests_say():
    page = fault_rows.PAGE.read_text(encoding="utf-8")
    written = fault_rows.write_page(fault_rows.read_rows())
    assert page == written, "run python tests/unit/fault_rows.py"


def test_marks_of_a_test_its_parameters_and_its_table_are_rows():
    rows = rows_of(
        '"""Things break."""\n'
        'CASES = [pytest.param(1, marks=pytest.mark.fault("a", "b", ends="gap"))]\n'
        '@pytest.mark.parametrize("x", CASES)\n'
        '@pytest.mark.fault("c", "d", ends="told")\n'
        "def test_it(x): pass\n"
    )
    assert [(row.tried, row.happened, row.ends) for row in rows] == [
        ("a", "b", "gap"),
        ("c", "d", "told"),
    ]
    assert {row.test for row in rows} == {"tests/faults/test_x.py::test_it"}
    assert {row.section for row in rows} == {"Things break."}


@pytest.mark.parametrize(
    "mark",
    [
        '"a", "b"',
        '"a", ends="gap"',
        '"a", "b", ends="green"',
        '"a", b, ends="gap"',
        '"a", "b", end="gap"',
    ],
)
def test_a_mark_with_other_arguments_is_refused_with_its_place(mark):
    with pytest.raises(ValueError, match="::test_it, line 1: expected"):
        rows_of(f"@pytest.mark.fault({mark})\ndef test_it(): pass\n")


def test_a_table_that_no_test_uses_is_refused():
    with pytest.raises(ValueError, match="line 1: no test is parametrised by CASES"):
        rows_of('CASES = [pytest.mark.fault("a", "b", ends="gap")]\n')
