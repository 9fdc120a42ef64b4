"""References are sides: they keep what every side promises, and stand as batch or online."""

from datetime import timedelta

import pytest

import skewtest as sk
from skewtest import reference as ref
from skewtest.errors import DeclarationError
from skewtest.testing import check_side

WEEK = timedelta(days=7)
ORDERS = sk.Source("orders", time="ts", columns={"user_id": sk.key(), "n": sk.ints(0, 9)})


class Online:
    def __init__(self):
        self.sums = {}

    def update(self, event):
        self.sums[event["user_id"]] = self.sums.get(event["user_id"], 0) + event["n"]

    def query(self, request):
        return {"n": self.sums.get(request["user_id"], 0)}


def view_of(**arguments):
    settings = {"batch": None, "online": Online, "features": {"n": sk.exact()}, **arguments}
    return sk.FeatureView("v", sources=[ORDERS], entity=["user_id"], windows=[WEEK], **settings)


@pytest.mark.parametrize(
    "side",
    [
        ref.sum("n"),
        ref.var("n", over=WEEK),
        ref.decay("n", half_life=WEEK),
        ref.ratio(ref.sum("n"), ref.count()),
        ref.by_feature({"n": ref.count(over=ref.calendar("day"))}),
        ref.by_feature({"n": lambda events, request: len(events)}),
    ],
)
def test_a_reference_keeps_what_sides_promise(side):
    check_side(side, view=view_of(), role="batch")


@pytest.mark.parametrize("side", [ref.sum("n"), ref.by_feature({"n": ref.sum("n")})])
def test_a_reference_stands_as_batch(side):
    assert sk.check(view_of(batch=side), histories=256, seed=1).ok
    wrong = sk.check(view_of(batch=ref.sum("n", over=WEEK)), histories=256, seed=1)
    assert [finding.kind for finding in wrong.findings] == ["value"]


@pytest.mark.parametrize(
    ("reference", "message"),
    [
        ({}, "reference is an empty dict; leave it out instead"),
        ({"m": ref.count()}, "reference has no feature 'm' to be of; the view has 'n'"),
        ({"n": 3}, "reference['n'] must be one of skewtest.reference, a function of events"),
        ({"n": ref.sum("nn")}, "reference['n'] reads the column 'nn', which 'orders' does not"),
        (ref.sum("n", source="order"), "takes events of 'order'; the view has the sources"),
        ("sum", "reference must be one of skewtest.reference"),
    ],
)
def test_a_reference_that_cannot_be_asked_is_refused(reference, message):
    with pytest.raises(DeclarationError) as caught:
        view_of(reference=reference)
    assert message in str(caught.value)


def test_one_reference_is_for_one_feature():
    with pytest.raises(DeclarationError) as caught:
        view_of(features={"n": sk.exact(), "m": sk.exact()}, reference=ref.count())
    assert str(caught.value) == (
        "FeatureView('v'): reference is for one feature, and the view has 2. "
        "Write reference={'n': ...}."
    )
