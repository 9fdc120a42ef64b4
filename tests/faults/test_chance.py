"""User code that answers by chance is found, and draws from streams that go on and are put back."""

import random
import threading

import numpy as np
import polars as pl
import pytest
from spend_view import RightOnline, checked, only, right_batch

import skewtest as sk

DRAWS = {"random": random.random, "numpy": np.random.random}
SEEDS = range(6)


def batch_that_is_wrong_by(draw):
    def batch(orders, spine):
        answers = right_batch(orders, spine)
        return answers.with_columns(pl.col("n") + 1) if draw() < 0.2 else answers

    return batch


@pytest.mark.fault(
    "batch is wrong in a fifth of its calls, by a global stream of random numbers",
    "nondeterminism, whatever excuses its right calls have",
    ends="finding",
)
@pytest.mark.parametrize("source", ["random", "numpy"])
def test_a_fifth_of_the_calls_wrong_is_found(source):
    for seed in SEEDS:
        random.seed(seed)
        np.random.seed(seed)  # noqa: NPY002 - what user code has
        result = checked(batch_that_is_wrong_by(DRAWS[source]), histories=1280)
        assert not result.ok


def test_streams_go_on_from_call_to_call_and_are_put_back():
    drawn = []

    def batch(orders, spine):
        drawn.append((random.random(), np.random.random()))  # noqa: NPY002, S311 - the same
        return right_batch(orders, spine)

    random.seed(1)
    np.random.seed(1)  # noqa: NPY002 - the same
    states = random.getstate(), np.random.get_state()[1].tolist()  # noqa: NPY002 - the same
    assert checked(batch, histories=256).ok
    assert (random.getstate(), np.random.get_state()[1].tolist()) == states  # noqa: NPY002
    assert len(set(drawn)) == len(drawn)


class Racing(RightOnline):
    """Adds up in two threads that read a sum, look elsewhere, and write it."""

    def __init__(self):
        self.total = 0

    def add(self):
        for _ in range(100):
            before = self.total
            for _ in range(100):
                pass
            self.total = before + 1

    def update(self, event):
        threads = [threading.Thread(target=self.add) for _ in range(2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    def query(self, request):
        return {"total": self.total, "n": 0}


@pytest.mark.fault(
    "threads of online race for a sum, seldom enough for a test to be green",
    "the law of determinism is broken: its threads take turns far more often there",
    ends="finding",
)
def test_a_race_between_threads_of_online_is_looked_for():
    def batch(orders, spine):
        counts = right_batch(orders, spine)
        return counts.with_columns(total=pl.col("n") * 200, n=pl.lit(0))

    finding = only(checked(batch, Racing, histories=8, relations=["determinism"]))
    assert (finding.relation, finding.side) == ("determinism", "online")


def found_at(seed, online):
    view = sk.FeatureView(
        "spend",
        sources=[sk.Source("o", time="ts", columns={"u": sk.key(), "x": sk.ints(0, 100)})],
        entity=["u"],
        batch=lambda o, spine: spine.with_columns(n=pl.lit(0)),
        online=online,
        features={"n": sk.exact()},
        relations=None,
    )
    return [finding.found_at for finding in sk.check(view, histories=64, seed=seed).findings]


class Counts:
    wanted = 0

    def __init__(self):
        self.n = 0

    def update(self, event):
        self.n += event["x"] == self.wanted

    def query(self, request):
        return {"n": self.n}


def test_other_seeds_find_the_same_bug_elsewhere_from_the_first_block_on():
    for wanted in (50, 51, 52):
        places = {
            str(found_at(seed, type("Online", (Counts,), {"wanted": wanted}))) for seed in range(6)
        }
        assert len(places) >= 3
