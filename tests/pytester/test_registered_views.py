"""`[tool.skewtest] views = [...]` collects a repo; a broken registration is an error."""

import json

import pytest


@pytest.fixture
def registered(project):
    (project.path / "tox.ini").unlink()
    (project.path / "test_skew.py").unlink()
    project.file(
        "pyproject.toml", '[tool.pytest.ini_options]\n[tool.skewtest]\nviews = ["views"]\n'
    )
    return project


def test_views_of_a_registered_module_are_run(registered):
    registered.view("views.py", more="")
    result = registered.run("-v")
    result.assert_outcomes(passed=1)
    result.stdout.fnmatch_lines(["*spend[[]in_order[]] PASSED*"])


def test_a_report_says_that_a_registered_module_could_not_be_imported(registered):
    registered.file("views.py", "import nothing_of_this_name\n")
    registered.run("--skew-report=out")
    document = json.loads((registered.path / "out" / "report.json").read_text())
    assert document.pop("run")["command"].endswith("--skew-report=out")
    assert document == {
        "version": 3,
        "verdict": "incomplete",
        "ok": False,
        "incomplete": ["failed without a result: views::import"],
        "views": [],
        "outcomes": [],
        "compared": [],
        "versions": [],
        "matrix": None,
    }


@pytest.mark.fault(
    "an unknown key in [tool.skewtest]", "an error names the nearest key", ends="refused"
)
def test_an_unknown_key_of_the_table_is_wrong_usage(registered):
    registered.file("pyproject.toml", '[tool.skewtest]\nview = ["views"]\n')
    result = registered.run()
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    told = "[[]tool.skewtest[]] knows views, environments, matrix, known, renamed; got 'view'.*"
    result.stderr.fnmatch_lines([f"*pyproject.toml: {told}"])


def test_a_registered_view_fails_where_there_is_skew(registered):
    registered.features(skewed=True)
    registered.view("views.py", more="")
    result = registered.run()
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["spend.spend_7d: batch and online disagree*"])


def test_a_registered_view_that_a_test_module_collects_is_run_once(registered):
    registered.view("views.py", more="")
    registered.file("test_views.py", "from views import spend\n")
    registered.run().assert_outcomes(passed=1)


def test_paths_on_the_command_line_leave_the_registered_views_out(registered):
    registered.view("views.py", more="")
    registered.file("test_other.py", "def test_other():\n    pass\n")
    registered.run("test_other.py").assert_outcomes(passed=1)


@pytest.mark.fault("a registered view with one implementation missing", "it fails", ends="gap")
@pytest.mark.parametrize(("side", "article"), [("batch", "a"), ("online", "an")])
def test_a_missing_side_is_a_failure_not_a_skip(registered, side, article):
    registered.view("views.py", more="")
    views = registered.path / "views.py"
    given = {"batch": "batch=spend_batch", "online": "online=SpendOnline"}[side]
    views.write_text(views.read_text().replace(given, f"{side}=None"))
    result = registered.run()
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        [
            f"spend: {side} implementation is missing",
            f"*The view is registered without {article} {side} implementation.*",
        ]
    )


@pytest.mark.fault(
    "a registered module raises when it is imported", "it fails with its own traceback", ends="gap"
)
def test_a_module_that_fails_to_import_shows_its_own_traceback(registered):
    registered.file("views.py", "import helper\n")
    registered.file("helper.py", "def load():\n    return 1 / 0\n\nload()\n")
    result = registered.run()
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        [
            "*views* 'views' cannot be imported",
            '*views.py", line 1, in <module>*',
            '*helper.py", line 4, in <module>*',
            '*helper.py", line 2, in load*',
            "ZeroDivisionError: division by zero",
        ]
    )
    result.stdout.no_fnmatch_line("*skewtest/plugin.py*")
    result.stdout.no_fnmatch_line("*importlib*")


@pytest.mark.fault("a registered module has a syntax error", "it fails with the line", ends="gap")
def test_a_module_with_a_syntax_error_shows_the_line(registered):
    registered.file("views.py", "spend = (\n")
    result = registered.run()
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*'views' cannot be imported", "*spend = (*", "SyntaxError: *"])


@pytest.mark.fault("a registered module calls sys.exit", "it fails", ends="gap")
def test_a_module_that_calls_sys_exit_is_a_failure(registered):
    registered.file("views.py", "import sys\nsys.exit(0)\n")
    result = registered.run()
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["SystemExit: 0"])


@pytest.mark.fault("a registered module does not exist", "it fails", ends="gap")
def test_a_module_that_is_not_there_is_a_failure(registered):
    result = registered.run()
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["ModuleNotFoundError: No module named 'views'"])


@pytest.mark.fault("a registered module holds no view", "it fails", ends="gap")
def test_a_module_without_views_is_a_failure(registered):
    registered.file("views.py", "x = 1\n")
    result = registered.run()
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        ["[[]tool.skewtest[]] views: the module 'views' holds no FeatureView"]
    )


@pytest.mark.fault(
    "one registered module is broken", "it fails, and the others are checked", ends="gap"
)
def test_a_broken_module_leaves_the_others_checked(registered):
    registered.view("views.py", more="")
    registered.file("broken.py", "1 / 0\n")
    registered.file("pyproject.toml", '[tool.skewtest]\nviews = ["broken", "views"]\n')
    registered.run("-c", "pyproject.toml").assert_outcomes(failed=1, passed=1)


@pytest.mark.fault(
    "views in [tool.skewtest] is no list of names", "an error names what it got", ends="refused"
)
def test_a_setting_that_is_no_list_of_names_is_refused(registered):
    registered.file(
        "pyproject.toml", '[tool.pytest.ini_options]\n[tool.skewtest]\nviews = "views"\n'
    )
    result = registered.run()
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(
        ["ERROR: *[[]tool.skewtest[]] views must be a list of module names; got 'views'"]
    )


def test_k_picks_registered_views(registered):
    registered.view("views.py", more="")
    registered.run("-k", "spend and in_order").assert_outcomes(passed=1)
    registered.run("-k", "nothing").assert_outcomes(deselected=1)


def test_xdist_runs_registered_views(registered):
    registered.view("views.py", more="")
    registered.run_workers("-n", "1").assert_outcomes(passed=1)
