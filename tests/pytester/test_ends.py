"""However a run ends, what was done is told, and nothing of it stays behind."""

import contextlib
import json
import os
import random
import resource
import shutil
import signal
import subprocess
import sys
import time

import pytest

from skewtest.files import write_whole

HANGS = 120
"""Seconds after which a process is taken to hang: a busy machine is slow, and never as slow."""
FEW = ["-q", "-p", "no:cacheprovider", "--skew-histories=64", "--skew-seed=1"]
ENDLESS = """

def test_first(skew):
    skew.check(spend)


class Endless(SpendOnline):
    def __init__(self):
        open("ready", "w").close()
        super().__init__()


endless = sk.FeatureView(
    "endless", sources=[orders], entity=["user_id"], batch=spend_batch, online=Endless,
    features={"spend_7d": sk.close()}, relations=[],
)


def test_second(skew):
    skew.run(endless)
"""
MANY = "--skew-histories=100000000"


def start(project, *arguments, **settings):
    """Start pytest in a process of its own, and in a group of its own."""
    return subprocess.Popen(
        [sys.executable, "-m", "pytest", *arguments],
        cwd=project.path,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
        # Under nohup SIGHUP is ignored, and what is ignored would be so in the run as well.
        **{"preexec_fn": lambda: signal.signal(signal.SIGHUP, signal.SIG_DFL), **settings},
    )


def run_apart(project, *arguments, **settings):
    run = start(project, *FEW, *arguments, **settings)
    output, _ = run.communicate(timeout=HANGS)
    return run.returncode, output


def report_of(project, folder="out"):
    return json.loads((project.path / folder / "report.json").read_text())


@pytest.fixture
def endless(project):
    """A view that is checked at once, and one that would be checked for hours."""
    project.view(more=ENDLESS)
    runs = []

    def start_until_ready(*arguments, **settings):
        few = ["--skew-seed=1", "-p", "no:cacheprovider", "--skew-report=out", MANY]
        few += ["--skew-seconds=20", "-k", "second"]
        run = start(project, *few, *arguments, **settings)
        runs.append(run)
        while not (project.path / "ready").exists() and run.poll() is None:
            time.sleep(0.01)
        return run

    yield start_until_ready
    for run in runs:
        run.kill()
        run.wait()


@pytest.mark.fault(
    "SIGTERM during a check: a cancelled CI job",
    "an incomplete report that says so, exit 2",
    ends="stopped",
)
@pytest.mark.fault(
    "SIGHUP during a check: a closed terminal",
    "an incomplete report that says so, exit 2",
    ends="stopped",
)
@pytest.mark.parametrize("name", ["SIGTERM", pytest.param("SIGHUP", marks=pytest.mark.slow)])
def test_a_signal_that_ends_a_run_leaves_its_report(endless, project, name):
    run = endless()
    run.send_signal(getattr(signal, name))
    output, _ = run.communicate(timeout=HANGS)
    assert run.returncode == pytest.ExitCode.INTERRUPTED, output
    assert "INTERNALERROR" not in output
    assert report_of(project)["incomplete"] == [f"the run was ended by {name}"]
    assert report_of(project)["verdict"] == "incomplete"


@pytest.mark.fault(
    "Ctrl-C twice, and SIGTERM right after it",
    "an incomplete report that says so; the exit is not 0",
    ends="stopped",
)
def test_ctrl_c_pressed_again_leaves_the_report_all_the_same(endless, project):
    run = endless()
    for number in (signal.SIGINT, signal.SIGINT, signal.SIGTERM):
        run.send_signal(number)
        time.sleep(0.05)
    output, _ = run.communicate(timeout=HANGS)
    assert run.returncode not in (0, 1), output
    assert len(report_of(project)["incomplete"]) == 1
    left = [path.name for path in (project.path / "out").iterdir()]
    assert sorted(left) == ["report.html", "report.json", "report.md"]


@pytest.mark.slow
def test_what_was_checked_before_a_signal_is_in_the_report(project):
    ended = "\n\ndef test_ended(skew):\n    os.kill(os.getpid(), signal.SIGTERM)\n"
    project.view(
        more="\n\nimport os, signal\n\ndef test_first(skew):\n    skew.check(spend)\n" + ended
    )
    code, output = run_apart(project, "--skew-report=out")
    assert code == pytest.ExitCode.INTERRUPTED, output
    assert [outcome["view"] for outcome in report_of(project)["outcomes"]] == ["spend", "spend"]
    assert report_of(project)["incomplete"] == ["the run was ended by SIGTERM"]


@pytest.mark.fault("nohup: SIGHUP is ignored", "the run goes on and ends as ever", ends="harmless")
@pytest.mark.slow
def test_a_signal_that_is_ignored_stays_so(project):
    hung_up = "\n\nimport os, signal\n\ndef test_spend(skew):\n    os.kill(os.getpid(), 1)\n"
    project.view(more=hung_up + "    skew.check(spend)\n")
    ignore = {"preexec_fn": lambda: signal.signal(signal.SIGHUP, signal.SIG_IGN)}
    assert run_apart(project, **ignore)[0] == 0


@pytest.mark.fault(
    "a worker of pytest-xdist is killed with SIGKILL",
    "a gap names its test, the others are reported; the exit is not 0",
    ends="gap",
)
@pytest.mark.slow
def test_a_killed_worker_is_a_gap(project):
    killed = "\n\nimport os, signal\n\ndef test_killed(skew):\n    assert spend\n"
    project.view(more=killed + "    os.kill(os.getpid(), signal.SIGKILL)\n")
    project.file(
        "test_other.py",
        "from test_skew import spend\n\ndef test_other(skew):\n    skew.check(spend)\n",
    )
    code, output = run_apart(project, "-n", "2", "--skew-report=out")
    assert code != 0, output
    (gap,) = report_of(project)["incomplete"]
    assert gap.startswith("a worker crashed: test_skew.py::test_killed")
    assert report_of(project)["outcomes"]


@pytest.mark.fault(
    "a report is asked for, and pytest's terminal plugin is off",
    "an error says what to leave out",
    ends="refused",
)
def test_a_report_without_a_summary_to_write_it_in_is_refused(project):
    run = start(project, "--skew-report=out", "-p", "no:terminal")
    output, _ = run.communicate(timeout=HANGS)
    assert run.returncode == pytest.ExitCode.USAGE_ERROR, output
    assert "needs pytest's plugin 'terminal'" in output


def limit_files():
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (2_000, 2_000))


@pytest.mark.fault(
    "the disk fills up while the report is written",
    "a line says so, no half-written file stays, and the exit is not 0",
    ends="gap",
)
def test_a_full_disk_is_told_and_leaves_no_half_of_a_report(project):
    code, output = run_apart(
        project, "--skew-report=out", "-p", "no:hypothesispytest", preexec_fn=limit_files
    )
    assert code == pytest.ExitCode.USAGE_ERROR, output
    assert "skewtest: cannot write the report to out: File too large." in output
    assert [*(project.path / "out").iterdir()] == []


@pytest.mark.fault(
    "the disk fills up in a line of the history file",
    "a line says so, and the file is as it was before; the exit is not 0",
    ends="gap",
)
@pytest.mark.slow
def test_a_full_disk_leaves_the_history_as_it_was(project):
    project.file("h.jsonl", "x" * 1_990 + "\n")
    code, output = run_apart(project, "--skew-history=h.jsonl", preexec_fn=limit_files)
    assert code == pytest.ExitCode.USAGE_ERROR, output
    assert "skewtest: cannot write h.jsonl: File too large." in output
    assert (project.path / "h.jsonl").read_text() == "x" * 1_990 + "\n"


NOBODY = ["--reuid=54321", "--regid=54321", "--clear-groups"]
NOBODY += ["--inh-caps=+dac_override", "--ambient-caps=+dac_override"]
"""A uid without a name; it may read what root may, such as a Python in root's home."""


@pytest.mark.fault(
    "no HOME, no USER, and a uid that no passwd file knows",
    "checked, reported and recorded as ever",
    ends="finding",
)
@pytest.mark.skipif(
    os.geteuid() != 0 or not shutil.which("setpriv"), reason="needs root and util-linux's setpriv"
)
def test_a_user_without_a_name_and_a_home_is_a_user(skewed):
    files = ["--skew-report=out", "--skew-history=h.jsonl"]
    done = subprocess.run(
        ["setpriv", *NOBODY, sys.executable, "-m", "pytest", *FEW, *files],
        cwd=skewed.path,
        env={"PATH": os.environ["PATH"]},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == pytest.ExitCode.TESTS_FAILED, done.stdout + done.stderr
    assert "Traceback" not in done.stdout + done.stderr
    assert report_of(skewed)["verdict"] == "skew"
    assert len((skewed.path / "h.jsonl").read_text().splitlines()) == 1
    assert len(skewed.kept) == 2


@pytest.mark.fault(
    "two runs at once with one corpus, one report folder and one history file",
    "both are right, both lines are whole, and no temporary file stays",
    ends="finding",
)
def test_two_runs_at_once_share_everything(skewed):
    runs = [start(skewed, *FEW, "--skew-report=out", "--skew-history=h.jsonl") for _ in range(2)]
    for run in runs:
        run.communicate(timeout=HANGS)
    assert [run.returncode for run in runs] == [1, 1]
    assert report_of(skewed)["verdict"] == "skew"
    lines = (skewed.path / "h.jsonl").read_text().splitlines()
    assert [json.loads(line)["verdict"] for line in lines] == ["skew", "skew"]
    folders = skewed.path / "out", skewed.kept[0].parent
    assert [path for folder in folders for path in folder.iterdir() if path.name[0] == "."] == []


# -- killed ---------------------------------------------------------------------------------------


def outcome_of(project, *workers):
    """Run to the end, and return what the next run says and keeps."""
    code, _output = run_apart(project, *workers, "--skew-report=out")
    report = report_of(project)
    findings = [
        (finding["feature"], finding["kind"])
        for outcome in report["outcomes"]
        for finding in outcome["findings"]
    ]
    names = [path.name for path in project.kept]
    return code, report["verdict"], report["incomplete"], sorted(set(findings)), names


def kill_at_moments(project, *workers, moments, seed):
    """Kill runs at random moments, each time over their corpus; each next run is right."""
    expected = outcome_of(project, *workers)
    assert expected[:3] == (1, "skew", [])
    draws = random.Random(seed)  # noqa: S311 - the same moments in each run
    for _ in range(moments):
        shutil.rmtree(project.kept[0].parent)
        began = time.monotonic()
        run = start(project, *FEW, *workers, "--skew-report=out")
        # The moments of a whole run, whose length hangs on the machine.
        lasts = draws.random() * 3
        while run.poll() is None and time.monotonic() - began < lasts:
            time.sleep(0.005)
        # A run that has ended by then is no longer there.
        with contextlib.suppress(ProcessLookupError):
            os.killpg(run.pid, signal.SIGKILL)
        run.communicate(timeout=HANGS)
        assert all(json.loads(path.read_text())["format"] == 1 for path in project.kept)
        report = project.path / "out" / "report.json"
        assert not report.exists() or report_of(project)["verdict"] == "skew"
        assert outcome_of(project, *workers) == expected


@pytest.mark.fault(
    "SIGKILL at random moments of a run with -n 2 on one corpus",
    "no half of a file under its name; the next run is right",
    ends="finding",
)
@pytest.mark.slow
def test_runs_after_fifty_killed_ones_are_right(skewed):
    kill_at_moments(skewed, "-n", "2", moments=50, seed=2)


@pytest.mark.fault("SIGKILL at a random moment of a run", "the next run is right", ends="finding")
def test_a_run_after_a_killed_one_is_right(skewed):
    kill_at_moments(skewed, moments=1, seed=1)


def test_the_draft_of_a_killed_run_is_removed_by_a_later_one(tmp_path):
    drafts = [tmp_path / f".report.json.{name}" for name in ("0badcafe", "deadbeef", "0badcafe.x")]
    for draft in drafts:
        draft.write_text("{")
    for draft in (drafts[0], drafts[2]):
        os.utime(draft, (0, 0))
    write_whole(tmp_path / "report.json", "{}")
    assert sorted(tmp_path.iterdir()) == [drafts[2], drafts[1], tmp_path / "report.json"]
