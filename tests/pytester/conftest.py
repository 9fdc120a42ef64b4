"""Whole projects in, outcome out: a feature repo of one view, right or skewed."""

import os
from pathlib import Path
from textwrap import dedent

import pandas as pd  # noqa: F401 - loaded here, so that runs in this process do not load it twice
import pytest

import skewtest.harness.run  # noqa: F401 - the same

FEATURES = """
import polars as pl


def spend_batch(orders: pl.LazyFrame, spine: pl.LazyFrame) -> pl.LazyFrame:
    age = pl.col("as_of") - pl.col("ts")
    found = (
        spine.join(orders, on="user_id")
        .filter((age > pl.duration()) & (age <= pl.duration(days=7)))
        .group_by("user_id", "as_of")
        .agg(spend_7d=pl.col("amount").sum(), orders_7d=pl.len())
    )
    return spine.join(found, on=["user_id", "as_of"], how="left").with_columns(
        pl.col("spend_7d", "orders_7d").fill_null(0)
    )


class SpendOnline:
    def __init__(self):
        self.orders = []

    def update(self, event):
        self.orders.append(event)

    def query(self, request):
        start = request["as_of"] - timedelta(days=7)
        found = [
            order["amount"]
            for order in self.orders
            if order["user_id"] == request["user_id"] and order["ts"] >= start
        ]
        return {"spend_7d": sum(found), "orders_7d": len(found)}
"""

# The default relations but those that need a process or a snapshot: to start Python for each
# project would be a third of what these tests cost.
QUICK = '["no_future_leakage", "entity_isolation", "spine_independence", "pure_reads"]'
VIEW = """
import skewtest as sk

orders = sk.Source(
    "orders", time="ts", columns={"user_id": sk.key(), "amount": sk.ints(0, 100)}
)
spend = sk.FeatureView(
    "spend",
    sources=[orders],
    entity=["user_id"],
    relations=RELATIONS,
    batch=spend_batch,
    online=SpendOnline,
    features={"spend_7d": sk.close(), "orders_7d": sk.exact()},
    windows=[timedelta(days=7)],
)
"""

TEST = """

def test_spend(skew):
    skew.check(spend)
"""

FEW = "--skew-histories=128"
HANGS = 600
"""Seconds after which a process is taken to hang: a busy machine is slow, and never as slow."""


class Project:
    """A feature repo in a folder of its own, and pytest run on it."""

    def __init__(self, pytester: pytest.Pytester) -> None:
        self.pytester = pytester
        self.path: Path = pytester.path
        self.writes = 0

    def features(self, *, skewed: bool = False) -> None:
        """Write features.py; skewed: batch leaves out the far edge of the window."""
        text = FEATURES.replace("age <= pl", "age < pl") if skewed else FEATURES
        self.file("features.py", "from datetime import timedelta\n" + text)

    def view(self, name: str = "test_skew.py", more: str = TEST, relations: str = QUICK) -> None:
        """Write a module with the view, and with more of it."""
        imports = "from datetime import timedelta\nfrom features import spend_batch, SpendOnline\n"
        self.file(name, imports + VIEW.replace("RELATIONS", relations) + dedent(more))

    def file(self, name: str, text: str) -> Path:
        """Write a file of the project."""
        path = self.path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(dedent(text), encoding="utf-8")
        # Python takes compiled code for fresh by the second and the size of its source.
        self.writes += 1
        os.utime(path, (self.writes, self.writes))
        return path

    def run(self, *arguments: str) -> pytest.RunResult:
        """Run pytest in this process, on few histories from a fixed seed."""
        return self.pytester.runpytest_inprocess(*_with_few(arguments))

    def run_workers(self, *arguments: str) -> pytest.RunResult:
        """Run pytest in this process with workers of its own."""
        return self.pytester.runpytest_inprocess(*_with_few(arguments))

    def run_apart(self, *arguments: str) -> pytest.RunResult:
        """Run pytest in a process of its own."""
        return self.pytester.runpytest_subprocess(*_with_few(arguments), timeout=HANGS)

    @property
    def kept(self) -> list[Path]:
        """The files of the corpus."""
        return sorted((self.path / "tests" / "skew-corpus").rglob("*.json"))


def _with_few(arguments: tuple[str, ...]) -> list[str]:
    given = " ".join(arguments)
    few = [] if "--skew-histories" in given else [FEW]
    seed = [] if "--skew-seed" in given else ["--skew-seed=1"]
    return [*few, *seed, "-p", "no:randomly", *arguments]


@pytest.fixture(autouse=True)
def plain_environment(monkeypatch):
    """Runs are as on a developer's machine, whatever machine this is."""
    github = ("GITHUB_ACTIONS", "GITHUB_STEP_SUMMARY")
    for name in ("CI", "PYTEST_ADDOPTS", "FORCE_COLOR", "COLUMNS", *github):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def project(pytester):
    """A feature repo with features.py and test_skew.py, right as it stands."""
    made = Project(pytester)
    made.pytester.makeini("[pytest]\n")
    made.pytester.syspathinsert()
    made.features()
    made.view()
    return made


@pytest.fixture
def skewed(project):
    """The same with a skew on the far edge of the window."""
    project.features(skewed=True)
    return project
