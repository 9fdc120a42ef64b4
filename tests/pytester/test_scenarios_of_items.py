"""Scenarios as items: which there are, which are skipped, and what exploring advises."""

import json

import pytest

DELIVERY = "    delivery=sk.Delivery(duplicates=True, restarts=True),\n)"


@pytest.fixture
def delivered(project):
    """A view that declares duplicates, which break it, and restarts, which it cannot run."""
    project.view(relations="None")
    path = project.path / "test_skew.py"
    text = path.read_text()
    head, _, tail = text.partition("    windows=[timedelta(days=7)],\n)")
    assert tail
    path.write_text(f"{head}    windows=[timedelta(days=7)],\n{DELIVERY}{tail}")
    return project


def test_each_declared_scenario_is_an_item(delivered):
    result = delivered.run("--collect-only", "-q")
    ids = [line for line in result.outlines if "::" in line]
    names = ["in_order", "duplicated", "restarted"]
    assert ids == [f"test_skew.py::test_spend[{name}]" for name in names]


def test_each_scenario_has_its_own_verdict(delivered):
    result = delivered.run("-rs")
    result.assert_outcomes(passed=1, failed=1, skipped=1)
    result.stdout.fnmatch_lines(
        [
            "spend.spend_7d: batch and online disagree*",
            "  under  duplicated",
            "  cause  duplicate (value)",
            '  again  pytest "test_skew.py::test_spend[[]duplicated]" --skew-seed=1*',
            "SKIPPED*test_skew.py:*: needs snapshot()",
        ]
    )


def test_the_scenarios_of_a_view_share_their_batch_calls(delivered):
    features = delivered.path / "features.py"
    counted = "def spend_batch(orders: pl.LazyFrame, spine: pl.LazyFrame) -> pl.LazyFrame:\n"
    text = features.read_text()
    assert counted in text
    features.write_text(text.replace(counted, counted + "    open('calls', 'a').write('x')\n"))
    delivered.run("-k", "in_order")
    alone = (delivered.path / "calls").read_text()
    (delivered.path / "calls").unlink()
    delivered.run("-k", "in_order or restarted")
    assert (delivered.path / "calls").read_text() == alone


@pytest.mark.parametrize("picked", ["duplicated", "in_order"])
def test_one_scenario_can_be_picked(delivered, picked):
    result = delivered.run("-k", picked)
    result.assert_outcomes(**{"failed" if picked == "duplicated" else "passed": 1, "deselected": 2})


def test_what_is_found_under_a_fault_is_kept_and_replayed(delivered):
    delivered.run("-k", "duplicated")
    [path, _] = delivered.kept
    kept = json.loads(path.read_text())
    assert kept["scenario"] == "duplicated"
    again = delivered.run("-k", "duplicated")
    again.stdout.fnmatch_lines(["spend.*: batch and online disagree *kept counterexample"])
    delivered.run("-k", "in_order").assert_outcomes(passed=1, deselected=2)


def test_exploring_tells_under_what_a_view_would_break_and_fails_nothing(project):
    result = project.run("--skew-explore", "--skew-report=out")
    result.assert_outcomes(passed=2)
    result.stdout.fnmatch_lines(
        [
            "spend: would break under: duplicated",
            "  not tried: restarted (needs snapshot()), split (needs snapshot()), *",
        ]
    )
    document = json.loads((project.path / "out" / "report.json").read_text())
    broken = {run["scenario"]: run["gates"] for run in document["outcomes"] if not run["ok"]}
    assert document["ok"]
    assert broken == dict.fromkeys(["duplicated", "restarted", "split", "bootstrapped"], False)


def test_without_exploring_nobody_is_advised(project):
    result = project.run()
    assert "would break" not in result.stdout.str()
