"""Cells of the version matrix as test items; their environments are this interpreter."""

import json
import re
import sys
from textwrap import dedent

import pytest

PROJECT = f"""
[tool.pytest.ini_options]
pythonpath = ["."]
skew_histories = "64"

[tool.skewtest.environments.train]
interpreter = "{sys.executable}"
variables = {{ VERSION = "1" }}

[tool.skewtest.environments.gone]
interpreter = "/no/python"

[[tool.skewtest.matrix]]
batch = ["train", "gone"]
online = ["here"]
"""
CODE = dedent("""
    import os

    def batch(spine: list, extra=0):
        version = int(os.environ.get("VERSION", "0"))
        return [{**asked, "n": version} for asked in spine]

    class Online:
        def update(self, event):
            pass

        def query(self, request):
            return {"n": 0}
""")
VIEWS = dedent("""
    import skewtest as sk
    from code_of_team import Online, batch

    source = sk.Source("events", time="ts", columns={"user_id": sk.key()})
    count = sk.FeatureView("count", sources=[source], entity=["user_id"], batch=batch,
                           online=Online, features={"n": sk.exact()}, relations=None)
    count_too = count.replaced(name="count_too")

    def test_count(skew):
        skew.check(count)
""")


@pytest.fixture
def project(pytester):
    pytester.makepyprojecttoml(PROJECT)
    pytester.makepyfile(code_of_team=CODE, test_views=VIEWS)
    return pytester


def test_cells_are_items_with_readable_ids(project):
    result = project.runpytest("--collect-only", "-q")
    result.stdout.fnmatch_lines(
        [
            "test_views.py::count_too[[]in_order[]]",
            "test_views.py::count_too[[]in_order-train~here[]]",
            "test_views.py::count_too[[]in_order-gone~here[]]",
            "test_views.py::count_too[[]versions[]]",
            "test_views.py::test_count[[]in_order[]]",
            "test_views.py::test_count[[]in_order-train~here[]]",
        ]
    )
    none = project.runpytest("--collect-only", "-q", "--skew-matrix=none")
    none.stdout.no_fnmatch_line("*train*")


def test_a_cell_fails_by_itself_and_one_that_cannot_be_had_is_an_error(project):
    result = project.runpytest("--skew-report=report")
    result.assert_outcomes(passed=4, failed=2, errors=2)
    result.stdout.fnmatch_lines(
        [
            "*ERROR at setup of *gone~here*",
            "gone~here: interpreter missing: /no/python is not there or does not run*",
            "count_too.n: batch and online disagree*",
            "  batch in * 1 * 0*",
            "  cause  version skew; library.version*",
            "skewtest: matrix: 2 requested, 1 ran, 0 excluded, 1 interpreter missing",
            "count_too.n: batch changes between versions: here | train",
        ]
    )
    document = json.loads((project.path / "report" / "report.json").read_text())
    assert document["matrix"] == {
        "requested": ["gone~here", "train~here"],
        "ran": ["train~here"],
        "failed": {"gone~here": "interpreter missing"},
        "excluded": 0,
        "pairs": [],
        "valid_pairs": 0,
    }
    assert [found["view"] for found in document["versions"]] == ["count", "count_too"]


def test_the_printed_command_runs_the_cell_again(project):
    result = project.runpytest("-k", "count_too and in_order and train and here")
    result.assert_outcomes(failed=1, deselected=7)
    again = re.search(r'again  pytest "(.*)" ', result.stdout.str())[1]
    assert again.endswith("::count_too[in_order-train~here]")
    project.runpytest(again).assert_outcomes(failed=1)


def test_what_is_missing_can_be_a_skip(project):
    result = project.runpytest("--skew-matrix-missing=skip", "-k", "gone", "-rs")
    result.assert_outcomes(skipped=2, deselected=6)
    result.stdout.fnmatch_lines(["*gone~here: interpreter missing*"])


def test_a_wrong_declaration_is_wrong_usage(project):
    project.makepyprojecttoml(PROJECT.replace('"train", "gone"', '"trian"'))
    result = project.runpytest()
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["*batch names the environment 'trian'*Did you mean 'train'*"])


def test_workers_of_xdist_run_cells_too(project):
    result = project.runpytest_inprocess("-n", "2", "-k", "train")
    result.assert_outcomes(failed=2)
    result.stdout.fnmatch_lines(["skewtest: matrix: 2 requested, 1 ran, 0 excluded"])


def test_a_skipped_view_of_a_module_has_a_place(pytester):
    pytester.makepyprojecttoml("[tool.pytest.ini_options]\npythonpath = ['.']\n")
    views = VIEWS.partition("count_too")[0].replace("relations", "delivery=DELIVERY, relations")
    pytester.makepyfile(
        code_of_team=CODE,
        test_views=views.replace("source =", "DELIVERY = sk.Delivery(restarts=True)\nsource =", 1),
    )
    result = pytester.runpytest("-rs", "-k", "restarted", "--skew-histories=64")
    result.assert_outcomes(skipped=1, deselected=1)
    result.stdout.fnmatch_lines(["*needs snapshot()*"])
