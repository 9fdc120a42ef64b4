"""Objects that know one stream, as an online side; and states that are no bytes."""

import polars as pl
import pytest

import skewtest as sk
from skewtest.sides.objects import ObjectSide

buys = sk.Source(
    "buys", time="ts", columns={"user": sk.key(), "shop": sk.key(), "n": sk.ints(0, 9)}
)


def total_batch(buys: pl.DataFrame, spine: pl.DataFrame):
    past = spine.join(buys, on=["user", "shop"]).filter(pl.col("ts") < pl.col("as_of"))
    keys = ["user", "shop", "as_of"]
    totals = past.group_by(keys).agg(total=pl.col("n").sum())
    return spine.join(totals, on=keys, how="left").with_columns(pl.col("total").fill_null(0))


class Total:
    def __init__(self):
        self.total = 0

    def add(self, n):
        self.total += n
        return n / 7  # a score, which is no state


def make():
    return Total()


def learn(state, event):
    return state.add(event["n"])


def answer(state, request):
    return {"total": state.total}


def view(online, **more):
    return sk.FeatureView(
        "totals",
        sources=[buys],
        entity=["user", "shop"],
        batch=total_batch,
        online=online,
        features={"total": sk.exact()},
        **more,
    )


module_view = view(sk.per_entity(make, learn, answer))


def test_each_entity_has_an_object_of_its_own():
    result = sk.check(module_view, histories=256, seed=1)
    assert result.ok, str(result)
    states = {(c.law, c.side, c.change): c.state for c in result.checks}
    assert states["determinism", "online", "in a fresh process"] == "held"


def test_a_number_as_state_is_replaced_by_what_update_returns():
    counting = sk.per_entity(int, lambda n, event: n + event["n"], lambda n, _: {"total": n})
    assert sk.check(view(counting), histories=256, seed=1).ok


def test_an_object_that_forgets_is_found():
    shared = Total()
    mixed = sk.per_entity(lambda: shared, learn, answer)
    assert not sk.check(view(mixed), histories=256, seed=1).ok


def test_the_code_that_is_looked_at_is_the_owners():
    side = ObjectSide(module_view.online)
    assert [part.__name__ for part in side.parts()] == ["learn", "make", "answer"]


@pytest.mark.parametrize("name", ["make", "update", "query"])
def test_what_is_no_function_is_told(name):
    arguments = {"make": make, "update": learn, "query": answer, name: 3}
    with pytest.raises(sk.DeclarationError, match=rf"per_entity\({name}\) takes a function; got 3"):
        sk.per_entity(**arguments)


class Keeping:
    """It hands over what it goes on to change."""

    def __init__(self):
        self.totals = {}

    def update(self, event):
        key = event["user"], event["shop"]
        self.totals[key] = self.totals.get(key, 0) + event["n"]

    def query(self, request):
        return {"total": self.totals.get((request["user"], request["shop"]), 0)}

    def snapshot(self):
        return self.totals

    def restore(self, state):
        self.totals = state


class Counting(Keeping):
    """What it restores it counts twice."""

    def restore(self, state):
        self.totals = {key: 2 * total for key, total in state.items()}


RESTARTS = sk.Delivery(restarts=True)


def test_a_state_that_pickles_is_a_snapshot_and_nothing_is_shared():
    result = sk.check(view(Keeping, delivery=RESTARTS, relations=None), histories=256, seed=1)
    assert result.ok, str(result)
    assert {outcome.scenario: outcome.skipped for outcome in result.outcomes}["restarted"] is None


def test_a_state_that_is_restored_wrongly_is_found():
    result = sk.check(view(Counting, delivery=RESTARTS, relations=None), histories=256, seed=1)
    assert {finding.kind for finding in result.findings} == {"value"}
