"""Found counterexamples are kept, replayed first, and survive whatever happens to a run."""

import json
import os
import signal
import subprocess
import sys
import time

import pytest

HANGS = 600
"""Seconds after which a process is taken to hang: a busy machine is slow, and never as slow."""
FOREVER = [
    "--skew-histories=100000000",
    "--skew-seed=1",
    "-p",
    "no:cacheprovider",
    "--skew-report=out",
]


def shown(project):
    return [path.relative_to(project.path).as_posix() for path in project.kept]


@pytest.fixture
def kept(skewed):
    """A skewed project after its first run."""
    skewed.run().assert_outcomes(failed=1)
    return skewed


def test_a_counterexample_is_kept_as_a_small_readable_file(kept):
    names = [path.name.split("-")[0] for path in kept.kept]
    assert names == ["orders_7d.value", "spend_7d.value"]
    document = json.loads(kept.kept[1].read_text())
    assert document == {
        "format": 1,
        "view": "spend",
        "feature": "spend_7d",
        "kind": "value",
        "cause": "unknown",
        "scenario": "in_order",
        "request_lag_us": None,
        "events": {
            "orders": [{"#": 0, "user_id": "a", "amount": 1, "ts": "2024-03-01T00:00:00+00:00"}]
        },
        "spine": [{"user_id": "a", "as_of": "2024-03-08T00:00:00+00:00"}],
    }
    assert len(kept.kept[1].read_text().splitlines()) < 40


def test_the_report_names_the_file(skewed):
    result = skewed.run()
    result.stdout.fnmatch_lines([f"*kept *{name}" for name in reversed(shown(skewed))])


def test_a_kept_counterexample_is_replayed_first(kept):
    result = kept.run("--skew-histories=1", "--skew-seed=2")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["spend.spend_7d: batch and online disagree*kept counterexample"])


def test_no_seed_is_needed_to_see_a_kept_counterexample_again(kept):
    result = kept.run("--skew-histories=1", "--skew-seed=2")
    (again,) = {line for line in result.outlines if line.strip().startswith("again")}
    assert again.split("again  ")[1] == 'pytest "test_skew.py::test_spend[in_order]"'


def test_a_second_run_adds_no_file(kept):
    before = shown(kept)
    kept.run("--skew-seed=2").assert_outcomes(failed=1)
    assert shown(kept) == before


def test_the_file_stays_and_passes_once_the_skew_is_gone(kept):
    before = shown(kept)
    kept.features()
    sys.modules.pop("features", None)
    kept.run().assert_outcomes(passed=1)
    assert shown(kept) == before


def test_the_ini_key_says_where_the_corpus_is(skewed):
    skewed.file("tox.ini", "[pytest]\nskew_corpus = elsewhere\n")
    (skewed.path / "elsewhere").mkdir()
    skewed.run().assert_outcomes(failed=1)
    assert skewed.kept == []
    assert len(list((skewed.path / "elsewhere" / "spend").glob("*.json"))) == 2


def test_a_file_that_cannot_be_used_is_a_gap_where_all_is_well(kept):
    kept.features()
    kept.kept[0].write_text("{")
    result = kept.run()
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["incomplete: kept counterexample *was not used: it is cut off*"])


def test_each_kept_file_is_told_once(kept):
    printed = kept.run().stdout.str()
    names = [path.name for path in kept.kept]
    assert [printed.count(name) for name in names] == [1] * len(names)
    assert len(names) == 2


def test_a_file_cut_in_half_is_reported_kept_and_skipped(kept):
    kept.features()
    cut = kept.kept[0]
    text = cut.read_text()[: len(cut.read_text()) // 2]
    cut.write_text(text)
    result = kept.run("-rA")
    result.assert_outcomes(failed=1)
    printed = " ".join(result.stdout.str().split())
    name = cut.relative_to(kept.path).as_posix()
    assert f"incomplete: kept counterexample {name} was not used: it is cut off or not JSON" in (
        printed
    )
    assert "restore it from version control or delete it" in printed
    assert cut.read_text() == text


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (
            {"format": 0},
            "it has format 0, this skewtest reads format 1; delete it once its skew is found again",
        ),
        ({"spine": []}, "it asks for nothing: its spine is empty"),
        ({"spine": [{"user_id": "a"}]}, "it has no column 'as_of'; the view has"),
        ({"spine": [{"user": "a"}]}, "it has a column 'user'; the view has 'user_id', 'as_of'."),
        ({"events": {}}, "it has no 'orders'; it does not fit the view any more"),
        ({"events": []}, "its values do not fit the columns any more"),
        ({"spine": 7}, "its values do not fit the columns any more"),
        ({"spine": [{"user_id": "a", "as_of": "x"}]}, "its values do not fit the columns any more"),
        ({"request_lag_us": "soon"}, "its values do not fit the columns any more"),
    ],
    ids=lambda given: next(iter(given)) if isinstance(given, dict) else "",
)
def test_a_file_that_does_not_fit_is_reported_kept_and_skipped(kept, change, reason):
    kept.features()
    bad = kept.kept[0]
    text = json.dumps({**json.loads(bad.read_text()), **change})
    bad.write_text(text)
    result = kept.run("-rA")
    result.assert_outcomes(failed=1)
    assert f"{bad.relative_to(kept.path)} was not used: {reason}" in " ".join(
        result.stdout.str().split()
    )
    assert bad.read_text() == text


@pytest.mark.fault(
    "a kept file is broken, and the sides differ",
    "the skew, and a line that names the file",
    ends="finding",
)
def test_a_broken_file_is_reported_beside_a_skew(kept):
    kept.kept[0].write_text("{")
    result = kept.run()
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["incomplete: kept counterexample *was not used: it is cut*"])


@pytest.mark.fault(
    "the corpus cannot be written", "the skew, and a line that it was not kept", ends="finding"
)
def test_a_corpus_that_cannot_be_written_is_told_beside_the_skew(skewed):
    skewed.file("tests/skew-corpus", "a file")
    result = skewed.run()
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["spend.spend_7d: batch and online disagree*"])
    printed = " ".join(result.stdout.str().split())
    assert "cannot write " in printed
    assert "was not used" not in printed


@pytest.mark.fault("two runs at once on one corpus", "one whole file a finding", ends="finding")
def test_two_runs_at_once_leave_one_whole_file_a_finding(skewed):
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"]
    command += ["--skew-histories=128", "--skew-seed=1"]
    runs = [subprocess.Popen(command, cwd=skewed.path, stdout=subprocess.DEVNULL) for _ in range(2)]
    assert [run.wait(timeout=HANGS) for run in runs] == [1, 1]
    assert len(skewed.kept) == 2
    assert all(json.loads(path.read_text())["format"] == 1 for path in skewed.kept)
    assert len(list(skewed.kept[0].parent.iterdir())) == 2


@pytest.fixture
def long_run(project):
    """A check that would run for hours, started; `ready` is there once it runs."""
    text = (project.path / "features.py").read_text()
    mark = "    def __init__(self):\n        open('ready', 'w').close()\n"
    project.file("features.py", text.replace("    def __init__(self):\n", mark))
    run = subprocess.Popen(
        [sys.executable, "-m", "pytest", *FOREVER],
        cwd=project.path,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    while not (project.path / "ready").exists() and run.poll() is None:
        time.sleep(0.01)
    yield run
    run.kill()
    run.wait()


@pytest.mark.fault(
    "Ctrl-C in a long check", "pytest's usual interrupt, and a report that says so", ends="stopped"
)
def test_ctrl_c_in_a_long_check_is_pytest_s_usual_interrupt_and_its_report_says_so(
    long_run, project
):
    long_run.send_signal(signal.SIGINT)
    output, _ = long_run.communicate(timeout=HANGS)
    assert long_run.returncode == pytest.ExitCode.INTERRUPTED, output
    assert "KeyboardInterrupt" in output
    assert "INTERNALERROR" not in output
    document = json.loads((project.path / "out" / "report.json").read_text())
    assert document["incomplete"] == ["the run was interrupted"], output
    assert not document["ok"]


def test_a_run_that_is_killed_leaves_no_half_written_file(skewed):
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"]
    command += ["--skew-histories=128", "--skew-seed=1"]
    for patience in (0.0, 0.002):
        run = subprocess.Popen(command, cwd=skewed.path, stdout=subprocess.DEVNULL)
        folder = skewed.path / "tests" / "skew-corpus" / "spend"
        while not folder.exists() and run.poll() is None:
            time.sleep(0.001)
        time.sleep(patience)
        os.kill(run.pid, signal.SIGKILL)
        run.wait()
        assert folder.exists()
        assert all(json.loads(path.read_text())["format"] == 1 for path in skewed.kept)
        for path in [*folder.iterdir()]:
            path.unlink()
        folder.rmdir()


@pytest.mark.fault(
    "a killed run left a half-written file beside the kept ones", "it is not read", ends="harmless"
)
def test_what_a_killed_run_left_behind_is_no_counterexample(kept):
    left = kept.kept[0].parent / f".{kept.kept[0].name}.abcd1234"
    left.write_text("{")
    kept.features()
    result = kept.run("-rA")
    result.assert_outcomes(passed=1)
    assert "was not used" not in result.stdout.str()
