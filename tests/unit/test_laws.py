"""What becomes of a law: held, broken, not applicable or incomplete."""

import skewtest as sk
from skewtest.checks.laws import Laws
from skewtest.generate.blocks import Blocks
from skewtest.generate.hints import Hints
from skewtest.generate.instants import Clock
from skewtest.run.budget import Budget
from skewtest.sides.binding import answer_batch

orders = sk.Source("orders", time="ts", columns={"user_id": sk.key(), "n": sk.ints(0, 9)})


class Count:
    """An online object without snapshot(): it cannot be restarted."""

    def __init__(self):
        self.seen = {}

    def update(self, event):
        self.seen[event["user_id"]] = self.seen.get(event["user_id"], 0) + 1

    def query(self, request):
        return {"n": self.seen.get(request["user_id"], 0)}


def count(orders, spine):
    rows = []
    for user, as_of in spine.select("user_id", "as_of").iter_rows():
        seen = orders.filter((orders["user_id"] == user) & (orders["ts"] < as_of))
        rows.append({"user_id": user, "as_of": as_of, "n": seen.height})
    return rows


def view_of(online=Count, **more):
    return sk.FeatureView(
        "v",
        sources=[orders],
        entity=["user_id"],
        batch=count,
        online=online,
        features={"n": sk.exact()},
        **more,
    )


def states(result):
    return {(c.law, c.side, c.change): (c.state, c.histories, c.reason) for c in result.checks}


def test_a_law_that_cannot_be_applied_is_not_counted_as_held():
    result = sk.check(view_of(), histories=64, seed=1)
    told = states(result)["restart_invariance", "online", "restarted"]
    assert told == ("not applicable", 0, "needs snapshot()")
    assert result.ok


def test_a_law_that_was_asked_for_by_name_and_does_not_apply_is_a_gap():
    result = sk.check(view_of(relations=["restart_invariance"]), histories=64, seed=1)
    assert not result.ok
    report = result.to_dict()
    assert report["verdict"] == "incomplete"
    assert report["incomplete"] == [
        "v: online was not held to restart_invariance (restarted): needs snapshot()"
    ]


def test_a_fresh_process_that_cannot_be_had_is_told():
    """The view is made in a function: no other process finds it."""
    told = states(sk.check(view_of(), histories=64, seed=1))
    state, histories, reason = told["determinism", "batch", "in a fresh process"]
    assert state in ("held", "not applicable")
    assert (histories > 0) == (state == "held")
    assert bool(reason) == (state == "not applicable")


def test_laws_are_told_as_not_tried_where_the_sides_differ_in_order():
    class Late(Count):
        def query(self, request):
            return {"n": self.seen.get(request["user_id"], 0) + 1}

    result = sk.check(view_of(Late), histories=64, seed=1)
    assert {check.state for check in result.checks} == {"incomplete"}
    assert {check.reason for check in result.checks} == {"the sides differ in order"}


def test_a_law_holds_only_where_the_side_answers():
    class Refusing(Count):
        def query(self, request):
            raise ValueError("not served here")

    view = view_of(Refusing)
    laws = Laws(view, Budget(histories=8, seed=1))
    pack = Blocks(view, Clock.of(view, Hints()), Hints(), seed=1).pack(0, 8)
    laws.try_pack(pack, answer_batch(view, pack), 0, lanes=8, is_last=True)
    check = {(c.law, c.side, c.change): c for c in laws.checks()}
    batch = check["determinism", "batch", "run again"]
    assert (batch.state, batch.histories) == ("held", 8)
    online = check["determinism", "online", "run again"]
    assert (online.state, online.histories) == ("incomplete", 0)
