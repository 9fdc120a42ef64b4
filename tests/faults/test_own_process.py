"""User code that no `except` stops ends in a finding; the run goes on and writes its report."""

import json
import subprocess
import sys

import pytest

VIEWS = """
import ctypes, os, signal, threading, time
from collections import defaultdict
import polars as pl
import skewtest as sk

SOURCE = sk.Source("orders", time="ts", columns={"u": sk.key(), "x": sk.ints(0, 100)})

def right_batch(orders, spine):
    found = (spine.join(orders, on="u").filter(pl.col("ts") < pl.col("as_of"))
             .group_by("u", "as_of").agg(n=pl.col("x").sum()))
    return spine.join(found, on=["u", "as_of"], how="left").with_columns(pl.col("n").fill_null(0))

class Right:
    def __init__(self):
        self.sums = defaultdict(int)
    def update(self, event):
        self.sums[event["u"]] += event["x"]
    def query(self, request):
        return {"n": self.sums[request["u"]]}

def view(name, batch=right_batch, online=Right):
    return sk.FeatureView(
        name, sources=[SOURCE], entity=["u"], batch=batch, online=online,
        features={"n": sk.exact()}, timeout=0.4, relations=None)

def online_that(does):
    class Online(Right):
        def update(self, event):
            if event["x"] == 100:
                does()
            super().update(event)
    return Online

def batch_that(does):
    def batch(orders, spine):
        if (orders["x"] == 100).any():
            does()
        return right_batch(orders, spine)
    return batch

real_exit = os._exit

def crash():
    ctypes.string_at(0)

def hang_in_c():
    sum(range(10**13))

def sleep_deaf():
    signal.signal(signal.SIGALRM, signal.SIG_IGN)
    time.sleep(10**6)

def close_files():
    os.closerange(3, 256)
"""
CHECKED = """
first = view("first")
crash_online = view("crash_online", online=online_that(crash))
crash_batch = view("crash_batch", batch=batch_that(crash))
crash_factory = view("crash_factory", online=lambda: crash())
hang_online = view("hang_online", online=online_that(hang_in_c))
hang_batch = view("hang_batch", batch=batch_that(hang_in_c))
deaf_online = view("deaf_online", online=online_that(sleep_deaf))
exit_0 = view("exit_0", online=online_that(lambda: real_exit(0)))
closed = view("closed", online=online_that(close_files))
last = view("last")

def test_of_something_else():
    pass
"""


def run(folder, code, *arguments):
    (folder / "test_views.py").write_text(VIEWS + code)
    command = [sys.executable, "-m", "pytest", "-q", "--skew-seed=1", "--skew-histories=100"]
    ended = subprocess.run(
        [*command, "--skew-report=report", *arguments],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    report = folder / "report" / "report.json"
    findings = {}
    for outcome in json.loads(report.read_text())["outcomes"] if report.exists() else ():
        findings[outcome["view"]] = outcome["findings"]
    return ended, findings


def amounts(finding):
    return [event["x"] for event in finding["counterexample"]["events"]["orders"]]


@pytest.fixture(scope="module")
def ran(tmp_path_factory):
    return run(tmp_path_factory.mktemp("views"), CHECKED)


def test_the_run_fails_and_all_else_in_it_goes_on(ran):
    ended, findings = ran
    assert ended.returncode == 1
    assert "8 failed, 3 passed" in ended.stdout
    assert findings["first"] == findings["last"] == []


@pytest.mark.fault(
    "a side crashes in C code, exits past every patch, or closes all files",
    "its finding, on the smallest history that does it; the other views go on",
    ends="finding",
)
@pytest.mark.parametrize(
    ("view", "kind", "side", "told"),
    [
        ("crash_online", "error", "online", "online ended its process: SIGSEGV."),
        ("crash_batch", "error", "batch", "batch ended its process: SIGSEGV."),
        ("exit_0", "error", "online", "online ended its process: exit code 0."),
        ("closed", "error", "online", "online ended its process: its files were closed."),
    ],
)
def test_what_ends_a_process_is_a_finding_with_the_smallest_history(ran, view, kind, side, told):
    (finding,) = ran[1][view]
    assert (finding["kind"], finding["side"]) == (kind, side)
    assert finding["failures"][0].startswith(told)
    assert amounts(finding) == [100]


@pytest.mark.parametrize("view", ["crash_online", "crash_batch"])
def test_a_crash_is_told_with_the_frames_of_user_code_alone(ran, view):
    failure = ran[1][view][0]["failures"][0]
    assert "in crash" in failure
    assert "skewtest" not in failure


@pytest.mark.fault(
    "the factory of online objects crashes in C code", "its finding, without events", ends="finding"
)
def test_a_factory_that_crashes_needs_no_event(ran):
    (finding,) = ran[1]["crash_factory"]
    assert finding["failures"][0].startswith("online ended its process: SIGSEGV.")
    assert amounts(finding) == []


@pytest.mark.fault(
    "a side hangs in C code, or sleeps with the signals of the limit ignored",
    "its timeout, on a history; the other views go on",
    ends="finding",
)
@pytest.mark.parametrize(
    ("view", "side"),
    [("hang_online", "online"), ("hang_batch", "batch"), ("deaf_online", "online")],
)
def test_a_hang_that_no_signal_ends_is_a_timeout(ran, view, side):
    (finding,) = ran[1][view]
    assert (finding["kind"], finding["side"]) == ("timeout", side)
    assert 100 in amounts(finding)


EXITS_WHEN_IMPORTED = "import skewtest, os; os._exit(0)"
FORGETFUL = """
def begin_thread():
    threading.Thread(target=time.sleep, args=(10**6,), name="flusher").start()

forgetful = view("forgetful", online=online_that(begin_thread))
"""
HOARDER = """
hoarder = view("hoarder", online=online_that(lambda: bytearray(10**10)))
"""


@pytest.mark.fault(
    "a module of views ends the process when it is imported",
    "an error of its collection; the other modules are run",
    ends="gap",
)
def test_a_module_that_exits_when_it_is_imported_is_an_error(tmp_path):
    (tmp_path / "test_exits.py").write_text(EXITS_WHEN_IMPORTED)
    ended, findings = run(
        tmp_path, 'right = view("right")', "--continue-on-collection-errors", "--skew-histories=1"
    )
    assert ended.returncode == 1
    assert "ERROR test_exits.py" in ended.stdout
    assert "this code would have ended the process: exit code 0" in ended.stdout
    assert findings == {"right": []}


@pytest.mark.fault(
    "online begins threads that never end",
    "a warning names the thread, and the run ends without it",
    ends="told",
)
@pytest.mark.parametrize("arguments", [[], ["-s"]], ids=["apart", "here"])
def test_threads_that_never_end_are_named_and_the_run_ends(tmp_path, arguments):
    ended, findings = run(tmp_path, FORGETFUL, *arguments)
    assert ended.returncode == 0
    told = "forgetful: the thread 'flusher' of the code under test has not ended."
    assert ended.stdout.count(told) == 1
    assert findings == {"forgetful": []}


@pytest.mark.fault(
    "online takes more memory than --skew-memory allows",
    "a MemoryError of its own, with its history",
    ends="finding",
)
def test_memory_beyond_what_is_allowed_is_a_finding(tmp_path):
    ended, findings = run(tmp_path, HOARDER, "--skew-memory=500")
    assert ended.returncode == 1
    (finding,) = findings["hoarder"]
    assert finding["headline"] == "hoarder.n: online raises MemoryError"
    assert amounts(finding) == [100]
