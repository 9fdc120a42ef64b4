"""A side in a process of its own: what kills or stops it there is a failure of one history."""

import ctypes

import pytest

import skewtest as sk
from skewtest.run.draft import Ask, Draft, Event, pack_drafts
from skewtest.run.names import Slot
from skewtest.sides import Conditions, bind
from skewtest.sides.supervised import answer_supervised
from skewtest.times import DAY_US

ORDERS = sk.Source("orders", time="ts", columns={"user_id": sk.key(), "n": sk.ints(0, 9)})
AT = 20_000 * DAY_US


def crash():
    ctypes.string_at(0)


def hang_in_c():
    sum(range(10**12))


class Online:
    def __init__(self, trouble):
        self.trouble, self.sum = trouble, 0

    def update(self, event):
        if event["n"] == 7:
            self.trouble()
        self.sum += event["n"]

    def query(self, request):
        return {"n": self.sum}


def answers(trouble):
    view = sk.FeatureView(
        "v",
        sources=[ORDERS],
        entity=["user_id"],
        batch=lambda orders, spine: spine,
        online=lambda: Online(trouble),
        features={"n": sk.exact()},
        timeout=0.5,
    )
    drafts = [
        Draft(
            (Event("orders", AT - 1, (Slot(0, 0), n)),),
            (Ask(AT, (Slot(0, 0),), ()),),
            scenario=view.delivery.under("in_order"),
        )
        for n in (1, 7, 3)
    ]
    pack = pack_drafts(view, drafts)
    return answer_supervised(bind(view.online, "online"), pack, Conditions.of(view))


@pytest.mark.parametrize(
    ("trouble", "code"), [(crash, "crashed"), (hang_in_c, "timeout")], ids=["crash", "hang"]
)
def test_a_lane_that_dies_fails_alone(trouble, code):
    found = answers(trouble)
    assert {row: failure.code for row, failure in found.failures.items()} == {1: code}
    assert [found.values["n"][row] for row in (0, 2)] == [1, 3]


def raise_something():
    raise LookupError("no store")


def test_what_user_code_raises_there_is_told():
    found = answers(raise_something)
    assert list(found.failures) == [1]
    assert (found.failures[1].code, str(found.failures[1].exception)) == ("raised", "no store")


def test_a_side_that_can_be_run_nowhere_else_says_why():
    view = sk.FeatureView(
        "v",
        sources=[ORDERS],
        entity=["user_id"],
        batch=lambda orders, spine: spine,
        online=lambda: Online(crash),
        features={"n": sk.exact()},
    )
    pack = pack_drafts(view, [Draft((), (Ask(AT, (Slot(0, 0),), ()),))])
    found = answer_supervised(bind(view.batch, "batch"), pack, Conditions.of(view))
    assert found.startswith("batch cannot be run in a process of its own: ")
