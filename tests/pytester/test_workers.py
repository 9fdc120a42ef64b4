"""Under pytest-xdist: the items of one view stay together, and share what they run."""

import re

import pytest

MANY = """

calls = Path(__file__).with_name("calls")


def noted_batch(orders: pl.LazyFrame, spine: pl.LazyFrame) -> pl.LazyFrame:
    with calls.open("a") as file:
        file.write(f"{os.getpid()}\\n")
    return spend_batch(orders, spine)


spend = sk.FeatureView(
    "spend", sources=[orders], entity=["user_id"], batch=noted_batch, online=SpendOnline,
    features={"spend_7d": sk.close()}, windows=[timedelta(days=7)], relations=[],
    delivery=sk.Delivery(order="any", wire="json"),
)


def test_spend(skew):
    skew.check(spend)


@pytest.mark.parametrize("n", range(8))
def test_plain(n):
    pass
"""


@pytest.fixture
def many(project):
    """A view under four scenarios, which notes the process of each batch call, and eight tests."""
    project.view(more=MANY)
    file = project.path / "test_skew.py"
    imports = "import os\nfrom pathlib import Path\nimport polars as pl\nimport pytest\n"
    file.write_text(imports + file.read_text())
    return project


def workers_of(result, name):
    """Return which worker ran each item of a test, by its id."""
    lines = re.findall(
        rf"\[(gw\d)\] \[ *\d+%\] PASSED (test_skew.py::{name}\S*)", result.stdout.str()
    )
    return {nodeid: worker for worker, nodeid in lines}


def test_the_items_of_a_view_go_to_one_worker_under_their_own_ids(many):
    result = many.run_apart("-n", "2", "-v")
    result.assert_outcomes(passed=12)
    workers = workers_of(result, "test_spend")
    assert sorted(workers) == [
        f"test_skew.py::test_spend[{name}]"
        for name in ("in_order", "re-encoded", "reordered", "ties")
    ]
    assert len(set(workers.values())) == 1


def test_other_tests_with_parameters_are_spread_as_ever(many):
    result = many.run_apart("-n", "2", "-v", "-k", "plain")
    assert set(workers_of(result, "test_plain").values()) == {"gw0", "gw1"}


def test_the_items_of_a_view_share_their_batch_calls_in_a_worker(many):
    many.run_apart("-n", "2", "-k", "spend").assert_outcomes(passed=4)
    shared = (many.path / "calls").read_text().splitlines()
    (many.path / "calls").unlink()
    many.run_apart("-k", "spend").assert_outcomes(passed=4)
    alone = (many.path / "calls").read_text().splitlines()
    assert len(set(shared)) == 1
    assert len(shared) == len(alone)


@pytest.mark.parametrize("dist", ["worksteal", "loadscope"])
def test_other_ways_to_send_tests_stay_what_they_are(many, dist):
    result = many.run_apart("-n", "2", "--dist", dist, "-v", "-k", "spend")
    result.assert_outcomes(passed=4)
    assert len(workers_of(result, "test_spend")) == 4
