"""The command line: what it prints, what it refuses, and with which exit code it ends."""

import json
import re
import resource
import shutil
import subprocess
import sys
import time
from dataclasses import dataclass
from signal import SIGSEGV
from textwrap import dedent

import pytest
from typer.testing import CliRunner

import skewtest
from skewtest.cli.main import app
from skewtest.session import check_view

PARITY, SKEW, USAGE, BROKEN, INTERRUPTED = 0, 1, 2, 3, 130

VIEWS = """
import polars as pl
import skewtest as sk

orders = sk.Source("orders", time="ts", columns={"user_id": sk.key(), "amount": sk.ints(0, 100)})


def count(orders, spine):
    found = (
        spine.join(orders, on="user_id")
        .filter(pl.col("ts") < pl.col("as_of"))
        .group_by("user_id", "as_of")
        .agg(n=pl.len())
    )
    return spine.join(found, on=["user_id", "as_of"], how="left").with_columns(
        pl.col("n").fill_null(0)
    )


def count_sevens_out(orders, spine):
    return count(orders.filter(pl.col("amount") != 7), spine)


def count_in_vain(orders, spine):
    raise LookupError("no table")


class Online:
    def __init__(self):
        self.users = []

    def update(self, event):
        self.users.append(event["user_id"])

    def query(self, request):
        return {"n": self.users.count(request["user_id"])}


def view(name, batch):
    return sk.FeatureView(
        name, sources=[orders], entity=["user_id"], batch=batch, online=Online,
        features={"n": sk.exact()},
    )


right = view("right", count)
skewed = view("skewed", count_sevens_out)
broken = view("broken", count_in_vain)
"""
HANGS = 600
"""Seconds after which a process is taken to hang: a busy machine is slow, and never as slow."""
FEW = ("--histories=200", "--seed=1")


@pytest.fixture
def repo(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("CI", raising=False)
    for name in ("FORCE_COLOR", "COLUMNS"):
        monkeypatch.delenv(name, raising=False)
    (tmp_path / "my_repo").mkdir()
    (tmp_path / "my_repo" / "views.py").write_text(VIEWS)
    monkeypatch.syspath_prepend(tmp_path)
    yield tmp_path
    for name in [name for name in sys.modules if name.split(".")[0] == "my_repo"]:
        del sys.modules[name]


@dataclass(frozen=True)
class Done:
    returncode: int
    stdout: str
    stderr: str


def skew(*arguments):
    """Run the command line in this process: to start another costs two seconds."""
    result = CliRunner().invoke(app, arguments, prog_name="skewtest")
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return Done(result.exit_code, result.stdout, result.stderr)


def skew_apart(*arguments):
    """Run the installed command."""
    return subprocess.run(
        ["skewtest", *arguments], capture_output=True, text=True, check=False, timeout=HANGS
    )


def cpu_of_children():
    """Return the CPU seconds of all commands that have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def test_parity_exits_with_0(repo):
    done = skew("check", "my_repo.views:right", *FEW)
    assert (done.returncode, done.stderr) == (PARITY, "")
    told = r"right\[in_order\]: parity, 200 histories, \d\.\d s, "
    told += r"\d+ rows excused \(\d+ late request\)\n"
    told += r"right\[relations\]: parity, 72 histories, \d\.\d s\n"
    assert re.fullmatch(told, done.stdout)


def test_skew_exits_with_1_and_shows_the_report(repo):
    done = skew("check", "my_repo.views:skewed", *FEW)
    assert (done.returncode, done.stderr) == (SKEW, "")
    assert done.stdout.startswith("skewed.n: batch and online disagree")
    assert "again  skewtest check my_repo.views:skewed --seed=1" in done.stdout
    assert re.search(r"skewed\[in_order\]: skew, \d+ histories, \d\.\d s\n", done.stdout)
    assert re.search(r"skewed\[relations\]: not tried, 0 histories, \d\.\d s\n$", done.stdout)
    assert "\x1b" not in done.stdout
    assert all(len(line) <= 80 for line in done.stdout.splitlines())
    (kept,) = (repo / "tests" / "skew-corpus" / "skewed").iterdir()
    assert f"kept   tests/skew-corpus/skewed/{kept.name}" in done.stdout


def test_the_reproduce_line_reproduces(repo):
    for name in ("one", "two"):
        (repo / name).mkdir()
    first = skew("check", "my_repo.views:skewed", *FEW, "--corpus=one")
    line = re.search(r"again +skewtest (.*)", first.stdout.replace("\\\n", ""))[1]
    assert line.split()[-2:] == ["--seed=1", "--histories=200"]
    again = skew(*line.split(), "--corpus=two")
    one, other = (re.sub(r"\d+\.\d+ s|one|two", "", done.stdout) for done in (first, again))
    assert one == other


def test_the_reproduce_line_names_a_profile_that_is_not_the_usual_one(repo, monkeypatch):
    monkeypatch.setattr(
        "skewtest.run.budget.HISTORIES_AN_EXAMPLE", 2
    )  # a number would be named instead

    def again(*options):
        (repo / "none").mkdir()
        done = skew("check", "my_repo.views:skewed", "--seed=1", "--corpus=none", *options)
        shutil.rmtree(repo / "none")
        text = done.stdout.replace("\\\n", "")
        return " ".join(re.search(r"again +(.*)", text)[1].split())

    assert again().endswith("skewed --seed=1")
    assert again("--profile=nightly").endswith("--seed=1 --profile=nightly")
    monkeypatch.setenv("CI", "1")
    assert again("--explore").endswith("--explore --seed=1 --profile=ci")


DIES_WHEN_IMPORTED = "import ctypes; ctypes.string_at(0)"
DIES = """
import ctypes
import skewtest as sk
from my_repo.views import Online, count, right


class Dies(Online):
    def query(self, request):
        if request["user_id"]:
            ctypes.string_at(0)


dies = sk.FeatureView(
    "dies", sources=[*right.sources.values()], entity=["user_id"], batch=count, online=Dies,
    features=dict(right.features),
)
"""


def test_a_run_that_dies_leaves_no_report_of_another(repo):
    (repo / "my_repo" / "dies.py").write_text(DIES_WHEN_IMPORTED)
    skew("check", "my_repo.views:right", *FEW, "--report=out")
    assert {path.suffix for path in (repo / "out").iterdir()} == {".html", ".json", ".md"}
    assert skew_apart("check", "my_repo.dies:dies", *FEW, "--report=out").returncode == -SIGSEGV
    assert [*(repo / "out").iterdir()] == []


def test_a_view_that_crashes_is_a_finding(repo):
    (repo / "my_repo" / "dies.py").write_text(DIES)
    done = skew_apart("check", "my_repo.dies:dies", "--histories=1", "--seed=1")
    assert done.returncode == BROKEN
    assert "online ended its process: SIGSEGV." in done.stdout


def test_a_kept_counterexample_is_replayed(repo):
    skew("check", "my_repo.views:skewed", *FEW)
    again = skew("check", "my_repo.views:skewed", "--histories=64", "--seed=2")
    assert again.stdout.splitlines()[0].endswith("kept counterexample")


@pytest.mark.fault(
    "user code raises under skewtest check", "its finding, and exit 3", ends="finding"
)
def test_user_code_that_broke_exits_with_3(repo):
    done = skew("check", "my_repo.views:broken", *FEW)
    assert done.returncode == BROKEN
    assert "broken.n: batch raises LookupError" in done.stdout
    assert "LookupError: no table" in done.stdout
    assert "skewtest/sides" not in done.stdout


def test_a_module_is_all_its_views_and_the_worst_decides(repo):
    done = skew("check", "my_repo.views", *FEW)
    assert done.returncode == BROKEN
    found = re.findall(r"^(\w+)\[in_order\]: (\w+),", done.stdout, re.MULTILINE)
    assert found == [("right", "parity"), ("skewed", "skew"), ("broken", "skew")]


@pytest.mark.parametrize(
    ("target", "told"),
    [
        (
            "my_repo.views:rihgt",
            (
                "'my_repo.views' has no feature view 'rihgt'; it has 'right', 'skewed', 'broken'. "
                "Did you mean 'right'?"
            ),
        ),
        (
            "my_repo.viewz",
            (
                "there is no module 'my_repo.viewz'; name one as in: "
                "skewtest check my_repo.features:spend"
            ),
        ),
        (
            "my_rebo.views:right",
            (
                "there is no module 'my_rebo.views'; name one as in: "
                "skewtest check my_repo.features:spend"
            ),
        ),
        ("json", "the module 'json' holds no FeatureView"),
        (
            "my_repo.views:orders",
            "'my_repo.views' has no feature view 'orders'; it has 'right', 'skewed', 'broken'.",
        ),
    ],
)
def test_a_target_that_is_not_there_exits_with_2(repo, target, told):
    done = skew("check", target, *FEW)
    assert (done.returncode, done.stdout) == (USAGE, "")
    assert done.stderr == f"skewtest: {told}\n"


@pytest.mark.parametrize("target", ["", ":right", ".", "my_repo/views.py:right", "..views"])
def test_a_target_that_is_no_module_name_exits_with_2_without_a_traceback(repo, target):
    done = skew("check", target, *FEW)
    assert done.returncode == USAGE
    assert done.stderr.startswith("skewtest: ")
    assert "Traceback" not in done.stderr


@pytest.mark.fault(
    "skewtest check of a module that fails to import", "its own traceback, and exit 3", ends="gap"
)
@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("1 / 0\n", "ZeroDivisionError: division by zero"),
        ("import not_installed\n", "ModuleNotFoundError: No module named 'not_installed'"),
        ("view = (\n", "SyntaxError: '(' was never closed"),
        ("import sys\nsys.exit(0)\n", "SystemExit: 0"),
    ],
)
def test_a_module_that_fails_to_import_exits_with_3_and_its_own_traceback(repo, text, told):
    (repo / "my_repo" / "bad.py").write_text(text)
    done = skew("check", "my_repo.bad", *FEW)
    assert done.returncode == BROKEN
    assert done.stderr.startswith("'my_repo.bad' cannot be imported:\n")
    assert told in done.stderr
    assert "my_repo/bad.py" in done.stderr
    assert "skewtest/cli" not in done.stderr


def test_a_declaration_that_is_wrong_exits_with_3_and_shows_its_line(repo):
    text = VIEWS.replace('entity=["user_id"]', 'entity=["user"]')
    (repo / "my_repo" / "bad.py").write_text(text)
    done = skew("check", "my_repo.bad", *FEW)
    assert done.returncode == BROKEN
    assert "Did you mean 'user_id'?" in done.stderr


def test_a_profile_that_is_none_exits_with_2(repo):
    done = skew("check", "my_repo.views:right", "--profile=fast")
    assert done.returncode == USAGE
    assert done.stderr == (
        "skewtest: the profile must be one of 'dev', 'ci', 'nightly'; got 'fast'\n"
    )


@pytest.mark.parametrize("number", ["0", "-3", "many"])
def test_a_number_of_histories_below_1_exits_with_2(repo, number):
    done = skew("check", "my_repo.views:right", f"--histories={number}")
    assert done.returncode == USAGE
    assert "--histories" in done.stderr


def test_the_report_is_written(repo):
    done = skew("check", "my_repo.views:skewed", *FEW, "--report=out")
    assert done.returncode == SKEW
    assert done.stdout.endswith("parity report in out/report.html\n")
    assert json.loads((repo / "out" / "report.json").read_text())["ok"] is False


@pytest.mark.fault(
    "skewtest check cannot write its report", "an error names the folder, and exit 2", ends="gap"
)
def test_a_report_that_cannot_be_written_exits_with_2(repo):
    (repo / "out").write_text("a file")
    done = skew("check", "my_repo.views:right", *FEW, "--report=out")
    assert done.returncode == USAGE
    assert done.stderr == (
        "skewtest: cannot write the report to out: File exists. Name a folder that can be "
        "written, with --report=DIR.\n"
    )


def test_the_version_is_told():
    done = skew("--version")
    assert (done.returncode, done.stdout) == (PARITY, f"skewtest {skewtest.__version__}\n")


def test_help_lists_the_commands():
    done = skew("--help")
    assert done.returncode == PARITY
    assert {"demo", "check"} <= set(done.stdout.split())


def test_no_command_and_unknown_commands_exit_with_2():
    assert skew().returncode == USAGE
    done = skew("chekc")
    assert done.returncode == USAGE
    assert "chekc" in done.stderr


def test_the_demo_finds_its_planted_skew_in_time(repo):
    started = cpu_of_children()
    done = skew_apart("demo")
    assert cpu_of_children() - started < 20
    assert (done.returncode, done.stderr) == (PARITY, "")
    assert "spend.spend_7d: batch and online disagree" in done.stdout
    assert "exactly as_of - 7 d" in done.stdout
    assert "def spend_batch(" in done.stdout
    assert "batch and online disagree" in (repo / "skewtest-report" / "report.html").read_text()
    assert not (repo / "tests").exists()


def test_the_demo_that_cannot_write_its_report_exits_with_2(repo):
    (repo / "out").write_text("a file")
    done = skew("demo", "--report=out")
    assert done.returncode == USAGE
    assert done.stderr.startswith("skewtest: cannot write the report to out: File exists.")


def test_the_installed_command_tells_its_version():
    assert skew_apart("--version").stdout == f"skewtest {skewtest.__version__}\n"


def test_ctrl_c_ends_the_check_without_a_traceback(repo):
    (repo / "my_repo" / "slow.py").write_text(
        VIEWS.replace("self.users = []", "self.users = []\n        open('ready', 'w').close()")
        + dedent("""
        del skewed, broken
        """)
    )
    run = subprocess.Popen(
        ["skewtest", "check", "my_repo.slow", "--histories=100000000"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    while not (repo / "ready").exists() and run.poll() is None:
        time.sleep(0.01)
    run.send_signal(2)
    _, errors = run.communicate(timeout=HANGS)
    assert run.returncode == 130
    assert "Traceback" not in errors


@pytest.mark.fault(
    "Ctrl-C in skewtest check",
    "what was checked is in the report, and what was not is named",
    ends="stopped",
)
def test_ctrl_c_keeps_what_was_checked_and_says_what_was_not(repo, monkeypatch):
    def interrupted(view, *rest, **settings):
        if view.name == "skewed":
            raise KeyboardInterrupt
        return check_view(view, *rest, **settings)

    monkeypatch.setattr("skewtest.cli.checking.check_view", interrupted)
    done = skew("check", "my_repo.views", "--report=out", *FEW)
    assert done.returncode == INTERRUPTED
    assert "skewtest: interrupted; not checked: 'skewed', 'broken'" in done.stderr
    document = json.loads((repo / "out" / "report.json").read_text())
    assert document["incomplete"] == ["interrupted; not checked: 'skewed', 'broken'"]
    assert {run["view"] for run in document["outcomes"]} == {"right"}
    assert not document["ok"]


def test_a_seed_below_zero_is_wrong_usage(repo):
    assert skew("check", "my_repo.views:right", "--seed=-1").returncode == USAGE


def test_exploring_tells_under_what_a_view_would_break_and_fails_nothing(repo):
    done = skew("check", "my_repo.views:right", "--explore", *FEW)
    assert done.returncode == PARITY
    printed = done.stdout.splitlines()
    assert "right: would break under: duplicated" in printed
    assert any(line.startswith("right[duplicated]: would break, ") for line in printed)
    assert "right[restarted]: skipped: needs snapshot()" in printed
