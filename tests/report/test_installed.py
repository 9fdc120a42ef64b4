"""The versions that a report was made with: the run's own, and those of each environment."""

import msgspec
from made_reports import HOST, environment, outcome, report, run

from skewtest.report.installed import Installed, list_installed
from skewtest.report.shards import merge_shards


def test_python_comes_first_and_packages_by_name():
    assert list_installed(report()) == Installed(
        ("here",),
        (
            ("python", ("3.11.7",), False),
            ("numpy", ("2.4.0",), False),
            ("polars", ("2.1.0",), False),
        ),
    )


def test_what_differs_between_environments_comes_before_what_does_not():
    old = environment("train", packages={"zlib": "1", "numpy": "2.4.0"})
    found = list_installed(report(outcome(cell=[old, environment("serve")]), run=None))
    assert found == Installed(
        ("train", "serve"),
        (("numpy", ("2.4.0", "2.0.0"), True), ("zlib", ("1", ""), True)),
    )


def test_an_environment_of_several_cells_is_one_column():
    cells = [outcome(cell=[environment("train"), environment(name)]) for name in "ab"]
    assert list_installed(report(*cells)).environments == ("here", "train", "a", "b")


def test_a_report_that_does_not_say_where_it_comes_from_has_none():
    assert list_installed(report(run=None)) == Installed()


def test_shards_made_with_other_versions_are_told_together():
    other = run(packages={"numpy": "3.0.0"}, host=msgspec.structs.replace(HOST, python="3.12.1"))
    whole = merge_shards([("a", report(outcome("a"))), ("b", report(outcome("b"), run=other))])
    assert list_installed(whole).rows == (
        ("python", ("3.11.7 or 3.12.1",), False),
        ("numpy", ("2.4.0 or 3.0.0",), False),
        ("polars", ("2.1.0 or none",), False),
    )
