"""A kept file that was not run is a gap: the run fails, its report is incomplete."""

import json
import os

import pytest


@pytest.fixture
def mended(skewed):
    """A project that kept a counterexample, and whose skew is gone since."""
    skewed.run().assert_outcomes(failed=1)
    skewed.features()
    return skewed


def edited(**fields):
    def edit(path):
        path.write_text(json.dumps({**json.loads(path.read_text()), **fields}))

    return edit


def edited_text(change):
    def edit(path):
        path.write_text(change(path.read_text()))

    return edit


def with_event(**fields):
    def edit(path):
        document = json.loads(path.read_text())
        document["events"]["orders"][0].update(fields)
        path.write_text(json.dumps(document))

    return edit


def move_to_the_root(path):
    path.rename(path.parent.parent / path.name)


def move_below(path):
    (path.parent / "old").mkdir()
    path.rename(path.parent / "old" / path.name)


def link_out(path):
    outside = path.parent.parent.parent.parent / "elsewhere.json"
    path.rename(outside)
    path.symlink_to(outside)


def make_a_pipe(path):
    path.unlink()
    os.mkfifo(path)


EDITS = {
    "merge conflict": (edited_text(lambda text: f"<<<<<<< HEAD\n{text}"), "merge conflict"),
    "cut": (edited_text(lambda text: text[:100]), "it is cut off or not JSON"),
    "byte order mark": (edited_text(lambda text: f"\ufeff{text}"), "byte order mark"),
    "another type": (with_event(amount="one"), "'one' is no Int64"),
    "bool for a number": (with_event(amount=True), "True is no Int64"),
    "unknown version": (edited(format=99), "it has format 99"),
    "deep nesting": (edited(cause=json.loads("[" * 90 + "]" * 90)), "it is nested more than"),
    "digits": (
        edited_text(lambda text: text.replace('"amount": 1', '"amount": ' + "1" * 5000)),
        "it has a number of 5,000 characters",
    ),
    "huge lag": (edited(request_lag_us=10**18), "request_lag_us must be at most"),
    "copies": (with_event(**{"#copies": [1] * 10**6}), "must be a list of at most 1,000"),
    "scenario": (edited(scenario="late"), "does not declare its scenario 'late' any more"),
    "no scenario": (edited(scenario="calm"), "there is no scenario 'calm'"),
    "another view": (edited(view="clicks"), "it is of the view 'clicks'"),
    "a field of another name": (edited(restart_us=[]), "it has a field 'restart_us'"),
    "a number twice": (with_event(**{"#": -1}), "'#' must be a number of its own"),
    "at the root": (move_to_the_root, "it lies in no folder of a view"),
    "in a folder below": (move_below, "it lies in a wrong folder"),
    "a link": (link_out, "it is a link to a file outside of the corpus"),
    "a pipe": (make_a_pipe, "it is no ordinary file"),
}


def gaps_of(project):
    return json.loads((project.path / "out" / "report.json").read_text())


@pytest.mark.parametrize("edit", EDITS)
@pytest.mark.fault(
    "a kept file is broken, moved or of something else, and all else is well",
    "the run fails, the report is incomplete and names the file",
    ends="gap",
)
def test_a_kept_file_that_was_not_run_fails_the_run(mended, edit):
    change, reason = EDITS[edit]
    change(mended.kept[0])
    result = mended.run("--skew-report=out", "--skew-histories=64")
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    report = gaps_of(mended)
    assert (report["verdict"], report["ok"]) == ("incomplete", False)
    (gap,) = [gap for gap in report["incomplete"] if "was not used" in gap]
    assert gap.startswith("kept counterexample ")
    assert reason in gap
    assert "Traceback" not in result.stdout.str()


def rename_the_view(project):
    for name in ("features.py", "test_skew.py"):
        text = (project.path / name).read_text()
        project.file(name, text.replace('"spend",\n', '"outlay",\n'))


@pytest.mark.fault(
    "a view was renamed, and its kept files have the old name",
    "a whole run fails and names them, until `renamed` says the new name",
    ends="gap",
)
def test_kept_files_of_a_renamed_view_are_a_gap(mended):
    rename_the_view(mended)
    result = mended.run("--skew-report=out", "--skew-histories=64")
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    result.assert_outcomes(passed=1)
    report = gaps_of(mended)
    assert report["verdict"] == "incomplete"
    assert "no view named 'spend' was checked" in report["incomplete"][0]


def test_kept_files_of_a_renamed_view_are_run_once_the_new_name_is_said(mended):
    rename_the_view(mended)
    mended.file("pyproject.toml", '[tool.skewtest.renamed]\nspend = "outlay"\n')
    assert mended.run("--skew-report=out", "--skew-histories=64").ret == 0
    assert gaps_of(mended)["verdict"] == "parity"


def test_kept_files_without_any_view_are_a_gap_of_a_whole_run_alone(mended):
    mended.file("test_skew.py", "def test_nothing():\n    pass\n")
    result = mended.run()
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    result.stdout.fnmatch_lines(["*kept counterexample*was not used: no view named 'spend'*"])
    assert mended.run("-k", "nothing").ret == 0
    assert mended.run("test_skew.py").ret == 0


@pytest.mark.fault(
    "skew_corpus names a folder that is not there", "an error names it", ends="refused"
)
def test_a_configured_corpus_that_is_missing_is_wrong_usage(mended):
    mended.file("tox.ini", "[pytest]\nskew_corpus = nowhere\n")
    result = mended.run()
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["*skew_corpus names the folder 'nowhere', which is not there*"])


def test_an_added_column_is_filled_and_a_dropped_one_dropped_and_both_are_told(mended):
    text = (mended.path / "test_skew.py").read_text()
    place = '"amount": sk.ints(0, 100)'
    assert place in text
    mended.file("test_skew.py", text.replace(place, f'{place}, "tier": sk.categories("x", "y")'))
    result = mended.run("-rA", "--skew-histories=64")
    assert result.ret == 0
    printed = " ".join(result.stdout.str().split())
    assert "was made to fit: the view's new column 'tier' was filled with 'x'" in printed
    with_event(tier="x")(mended.kept[0])
    with_event(tier="x")(mended.kept[1])
    mended.file("test_skew.py", text)
    result = mended.run("-rA", "--skew-histories=64")
    assert result.ret == 0
    assert "its column 'tier' is gone from the view" in " ".join(result.stdout.str().split())
