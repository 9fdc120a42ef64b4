"""Options and ini keys: what they do, and what a wrong one says."""

import json
import os
import re
import shlex

import pytest


def histories(project, *arguments):
    project.run(*arguments, "--skew-report=out").assert_outcomes(passed=1)
    run, relations = json.loads((project.path / "out" / "report.json").read_text())["outcomes"]
    assert (run["scenario"], relations["scenario"]) == ("in_order", "relations")
    return run["histories"]


def without_seconds(text):
    return re.sub(r"\d+\.\d+ ?s", "? s", text)


def test_help_lists_the_options_and_ini_keys(project):
    text = project.run("--help").stdout.str()
    for name in (
        "--skew-histories",
        "--skew-seed",
        "--skew-seconds",
        "--skew-profile",
        "--skew-report",
    ):
        assert name in text
    for name in ("skew_histories", "skew_seconds", "skew_profile", "skew_corpus"):
        assert name in text


def test_markers_lists_ours(project):
    project.run("--markers").stdout.fnmatch_lines(
        ["@pytest.mark.skew: a parity check of a feature view*"]
    )


def test_fixtures_lists_ours(project):
    project.run("--fixtures").stdout.fnmatch_lines(["skew -- *"])


def test_histories_says_how_many(project):
    assert histories(project, "--skew-histories=70") == 70


def test_the_ini_key_says_how_many_and_the_option_wins(project):
    project.file("tox.ini", "[pytest]\nskew_histories = 90\n")
    result = project.pytester.runpytest_inprocess("--skew-report=out", "--skew-seed=1")
    result.assert_outcomes(passed=1)
    assert '"histories": 90' in (project.path / "out" / "report.json").read_text()
    assert histories(project, "--skew-histories=70") == 70


@pytest.mark.fault("skew_histories is no number", "an error names key and value", ends="refused")
def test_an_ini_key_that_is_no_number_is_refused_with_its_name(project):
    project.file("tox.ini", "[pytest]\nskew_histories = many\n")
    result = project.pytester.runpytest_inprocess()
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["ERROR: *skew_histories*'many'*"])


@pytest.mark.fault("--skew-histories=0", "an error", ends="refused")
@pytest.mark.parametrize("number", ["0", "-5", "many"])
def test_a_number_of_histories_below_1_is_refused(project, number):
    result = project.run(f"--skew-histories={number}")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["*--skew-histories*"])


@pytest.mark.fault("--skew-seconds that are no seconds", "an error", ends="refused")
@pytest.mark.parametrize("text", ["0", "-1", "nan", "inf", "soon"])
def test_seconds_that_are_none_are_refused(project, text):
    result = project.run(f"--skew-seconds={text}")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    told = f"*--skew-seconds: must be a number of seconds above 0; got '{text}'"
    result.stderr.fnmatch_lines([told])


def test_an_ini_key_of_seconds_that_is_none_is_refused_with_its_name(project):
    project.file("tox.ini", "[pytest]\nskew_seconds = 0\n")
    result = project.run()
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    told = "ERROR: skew_seconds must be a number of seconds above 0; got '0'"
    result.stderr.fnmatch_lines([told])


def test_seconds_may_be_fractions(project):
    project.run("--skew-seconds=30.5").assert_outcomes(passed=1)


@pytest.mark.fault("a profile that does not exist", "an error names those that do", ends="refused")
def test_a_profile_that_is_none_is_refused_with_those_there_are(project):
    result = project.run("--skew-profile=fast")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["*--skew-profile*'fast'*dev*ci*nightly*"])


def test_an_ini_profile_that_is_none_is_refused_without_a_traceback(project):
    project.file("tox.ini", "[pytest]\nskew_profile = fast\n")
    result = project.run()
    assert result.ret != pytest.ExitCode.OK
    text = result.stdout.str() + result.stderr.str()
    assert "skew_profile must be one of 'dev', 'ci', 'nightly'; got 'fast'" in text
    assert "skewtest/session.py" not in text


def test_the_report_is_written_as_html_and_json(skewed):
    result = skewed.run("--skew-report=out")
    result.stdout.fnmatch_lines(["skewtest: parity report in out/report.html"])
    document = json.loads((skewed.path / "out" / "report.json").read_text())
    assert (document["ok"], document["outcomes"][0]["view"]) == (False, "spend")
    assert document["outcomes"][0]["seed"] == 1
    assert "batch and online disagree" in (skewed.path / "out" / "report.html").read_text()


def test_a_report_of_a_run_that_broke_is_not_ok(project):
    project.file("test_broken.py", "import nothing_of_this_name\n")
    project.run("--skew-report=out", "--continue-on-collection-errors")
    document = json.loads((project.path / "out" / "report.json").read_text())
    assert document["incomplete"] == ["error: test_broken.py"]
    assert (document["ok"], document["outcomes"][0]["ok"]) == (False, True)
    page = (project.path / "out" / "report.html").read_text()
    assert "incomplete</span> error: test_broken.py" in page
    assert "Parity report: incomplete" in page


def test_a_report_without_a_folder_is_wrong_usage(project):
    result = project.run("--skew-report=")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["*--skew-report=DIR needs a folder; got ''*"])


@pytest.mark.fault(
    "the folder of the report is a file",
    "a line says that no report was written, and the exit is that of wrong usage",
    ends="gap",
)
def test_a_report_folder_that_is_a_file_is_told_and_is_not_success(project):
    project.file("out", "a file")
    result = project.run("--skew-report=out")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    told = (
        "skewtest: cannot write the report to out: File exists. Name a folder that can be "
        "written, with --skew-report=DIR."
    )
    assert told in result.outlines


@pytest.mark.fault(
    "no permission to write the report",
    "a line says that no report was written, and the exit is that of wrong usage",
    ends="gap",
)
@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_report_folder_without_permission_is_told(project):
    (project.path / "locked").mkdir(mode=0o500)
    result = project.run("--skew-report=locked/out")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stdout.fnmatch_lines(["skewtest: cannot write the report to *: Permission denied.*"])


def test_an_unwritable_report_is_told_under_xdist_too(project):
    project.file("out", "a file")
    result = project.run_workers("-n", "1", "--skew-report=out")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stdout.fnmatch_lines(["skewtest: cannot write the report to out: File exists.*"])


def test_runs_in_ci_say_the_same_apart_from_seconds(skewed, monkeypatch):
    monkeypatch.setenv("CI", "1")
    skewed.file("tox.ini", "[pytest]\nskew_histories = 128\nskew_corpus = kept\n")
    (skewed.path / "kept").mkdir()
    texts = []
    for run in (skewed.pytester.runpytest_inprocess, skewed.pytester.runpytest_subprocess):
        result = run("-q", "-p", "no:cacheprovider")
        texts.append(without_seconds(result.stdout.str()))
        for path in (skewed.path / "kept").rglob("*.json"):
            path.unlink()
    assert "--skew-seed=0" in texts[0]
    assert texts[0] == texts[1]


def test_a_developer_s_run_draws_a_seed_and_tells_it(skewed):
    result = skewed.pytester.runpytest_inprocess("--skew-histories=128")
    assert re.search(r"--skew-seed=\d+", result.stdout.str())


@pytest.mark.parametrize(("profile", "fixed"), [("dev", False), ("nightly", False), ("ci", True)])
def test_only_the_profile_ci_fixes_the_seed(skewed, monkeypatch, profile, fixed):
    monkeypatch.setenv("CI", "1")
    monkeypatch.setattr("secrets.randbelow", lambda _most: 4711)
    result = skewed.pytester.runpytest_inprocess(
        "--skew-histories=128", f"--skew-profile={profile}"
    )
    assert f"--skew-seed={0 if fixed else 4711}" in result.stdout.str()


@pytest.mark.parametrize(
    ("option", "told"),
    [
        ("--skew-histories=128", " --skew-histories=128"),
        ("--skew-profile=dev", ""),
        ("--skew-profile=nightly", " --skew-profile=nightly"),
    ],
)
def test_the_reproduce_line_reproduces(skewed, option, told):
    result = skewed.pytester.runpytest_inprocess(option, "--skew-seed=7")
    line = _again(result)
    assert line == f'pytest "test_skew.py::test_spend[in_order]" --skew-seed=7{told}'
    for path in skewed.kept:
        path.unlink()
    again = skewed.pytester.runpytest_inprocess(*shlex.split(line)[1:], "-p", "no:cacheprovider")
    again.assert_outcomes(failed=1)
    one, other = (_report(r.stdout.str()) for r in (result, again))
    assert one == other


def _again(result):
    text = result.stdout.str().replace("\\\n", "")
    (line,) = {re.sub(" +", " ", found) for found in re.findall(r"again +(pytest .*)", text)}
    return line


STRANGE = r"""
import pytest

@pytest.mark.parametrize("name", ["a or b", 'q"q', "it's $HOME", "back`tick", "\\"])
def test_names(skew, name):
    skew.check(spend)

class TestSpend:
    def test_in_a_class(self, skew):
        skew.check(spend)
"""


def test_the_reproduce_line_is_what_a_shell_takes_wherever_it_stands(skewed, monkeypatch):
    """Also from a folder below, with ids that mean something to a shell or to -k."""
    folder = skewed.path / "tests" / "a"
    folder.mkdir(parents=True)
    text = (skewed.path / "test_skew.py").read_text().replace("def test_spend", "def spend_")
    (folder / "test_names.py").write_text(text + STRANGE)
    options = ["-p", "no:cacheprovider", "--skew-histories=8", "--skew-seed=7"]
    with monkeypatch.context() as below:
        below.chdir(skewed.path / "tests")
        result = skewed.pytester.runpytest_inprocess(*options, "a")
    result.assert_outcomes(failed=6)
    text = result.stdout.str().replace("\\\n", "")
    tests = re.findall(r"again +pytest (.*?) *(?:--skew-seed=7.*)?$", text, re.MULTILINE)
    assert len(set(tests)) == 6
    command = f"python -m pytest {' '.join(options)} {' '.join(tests)}"
    again = skewed.pytester.run("sh", "-c", f"cd tests && {command}")
    again.assert_outcomes(failed=6)


def test_a_profile_that_the_machine_chose_is_named(skewed, monkeypatch):
    monkeypatch.setenv("CI", "1")
    result = skewed.pytester.runpytest_inprocess()
    assert _again(result).endswith(" --skew-seed=0 --skew-profile=ci")
    skewed.pytester.makeini("[pytest]\nskew_profile = ci\n")
    for path in skewed.kept:
        path.unlink()
    assert _again(skewed.pytester.runpytest_inprocess()).endswith(" --skew-seed=0")


def _report(text):
    headline = re.search(r"^spend\.\w+:", text, re.MULTILINE)
    text = text[headline.start() : text.index("short test summary")]
    return without_seconds(text[: text.rindex("\n")])
