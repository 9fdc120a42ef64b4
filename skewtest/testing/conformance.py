"""The conformance test of a side: that it keeps what it promises, and what every side must.

Each promise is a function of its own, which asserts; the message names the side and the promise.
"""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import polars as pl

from skewtest.declare.delivery import Delivery, Scenario
from skewtest.declare.sides import CAPABILITIES
from skewtest.declare.view import FeatureView
from skewtest.deliver.scenarios import spread
from skewtest.generate.hints import Hints
from skewtest.generate.history import LANE, WORKER, Pack
from skewtest.run.fitted import draw_training_pack
from skewtest.sides.answers import Answers, Failure
from skewtest.sides.binding import bind
from skewtest.sides.foreign import ForeignSide
from skewtest.sides.fresh import fresh_runtime
from skewtest.sides.side import Conditions, Role, Side

SEED = 20_240_301
"""Of the histories; any would do."""


def check_side(
    implementation: Any, *, view: FeatureView, role: Role = "online", place: Any = None
) -> None:
    """Hold a side to what every side promises, and to the capabilities that it claims.

    Args:
        implementation: the side, or anything that `skewtest.sides.bind` makes one of.
        view: a view whose features it answers; its own sides are not run.
        role: "batch" or "online".
        place: where it is run a second time if it is capable of "elsewhere"; by default in a fresh
            process of this interpreter.

    Raises:
        AssertionError: it breaks a promise; the message begins with the promise's name.
    """
    _claims_what_is_known(implementation)
    side = bind(implementation, role)
    pack = draw_training_pack(view, Hints(), SEED)
    conditions = Conditions.of(view, pack.scenario)
    whole = _answers_every_row(side, pack, conditions)
    _has_parts(side)
    _is_deterministic(side, pack, conditions, whole)
    _answers_by_key(side, pack, conditions, whole)
    if "lanes" in side.capabilities:
        _keeps_lanes_apart(side, pack, conditions, whole)
    for capability, delivery in DELIVERIES.items():
        if capability in side.capabilities:
            _bears(side, pack, conditions, capability, delivery)
    if "elsewhere" in side.capabilities:
        _answers_alike_elsewhere(side, pack, conditions, whole, place or fresh_runtime())


DELIVERIES = {
    "snapshot": ("split", Delivery(split="handed_over")),
    "merge": ("split", Delivery(split="merged")),
}
"""The delivery that a capability is for: one that leaves the answers as they are."""


def _claims_what_is_known(implementation: Any) -> None:
    claimed = getattr(implementation, "capabilities", ())
    unknown = sorted(set(claimed) - set(CAPABILITIES))
    names = ", ".join(CAPABILITIES)
    assert not unknown, f"capabilities: there is no {unknown}; there are {names}"


def _answers_every_row(side: Side, pack: Pack, conditions: Conditions) -> Answers:
    answers = _answers(side, pack, conditions, "answers every row")
    # Ours fill up what a side leaves out; here it is the side's own answers that count.
    unfilled = answers
    if isinstance(side, ForeignSide):
        unfilled = side.side.answer(pack, conditions)
    for name in conditions.view.features:
        size = len(unfilled.values[name])
        claim = f"answers every row: {side.name} answered {size} of {pack.spine.height} rows"
        assert size == pack.spine.height, f"{claim} of {name!r}"
    return answers


def _has_parts(side: Side) -> None:
    parts = side.parts()
    assert isinstance(parts, Iterator), f"parts: {side.name}.parts() gives no iterator"
    assert list(parts), f"parts: {side.name} consists of nothing"


def _is_deterministic(side: Side, pack: Pack, conditions: Conditions, whole: Answers) -> None:
    again = _answers(side, pack, conditions, "deterministic")
    _assert_alike(whole, again, f"deterministic: {side.name} answers otherwise when asked again")


def _answers_by_key(side: Side, pack: Pack, conditions: Conditions, whole: Answers) -> None:
    """Ask for the rows in the opposite order: each keeps its answer."""
    # A copy: polars takes no array of a negative stride.
    rows = np.arange(pack.spine.height)[::-1].copy()
    answers = _answers(side, replace(pack, spine=pack.spine[rows]), conditions, "by key")
    _assert_alike(
        whole.take(rows), answers, f"by key: {side.name} answers otherwise in another order"
    )


def _keeps_lanes_apart(side: Side, pack: Pack, conditions: Conditions, whole: Answers) -> None:
    """Ask for half of the histories: they are answered as in company of the others."""
    # Every other one, so that each that is left had a neighbour that is gone.
    is_even = pl.col(LANE) % 2 == 0
    part = replace(
        pack,
        events={name: frame.filter(is_even) for name, frame in pack.events.items()},
        spine=pack.spine.filter(is_even),
    )
    rows = np.flatnonzero(pack.spine[LANE].to_numpy() % 2 == 0)
    answers = _answers(side, part, conditions, "lanes")
    _assert_alike(whole.take(rows), answers, f"lanes: {side.name} mixes histories")


def _bears(
    side: Side,
    pack: Pack,
    conditions: Conditions,
    capability: str,
    delivery: tuple[str, Delivery],
) -> None:
    """Deliver as the capability allows: the answers stay as they are in order."""
    scenario = Scenario(*delivery)
    rng = np.random.default_rng(SEED)
    changed = spread(conditions.view, pack, scenario, Hints(), rng)
    under = replace(conditions, scenario=scenario)
    events = {name: frame.drop(WORKER, strict=False) for name, frame in changed.events.items()}
    # The same events without the fault: `spread` may have left some out that it does not apply to.
    plain = replace(changed, events=events, scenario=pack.scenario, restarts={})
    answers = _answers(side, changed, under, capability)
    expected = _answers(side, plain, conditions, capability)
    _assert_alike(expected, answers, f"{capability}: {side.name} answers otherwise")


def _answers_alike_elsewhere(
    side: Side, pack: Pack, conditions: Conditions, whole: Answers, place: Any
) -> None:
    try:
        moved = side.at(place)
    except Exception as error:  # whatever keeps it from being there
        raise AssertionError(f"elsewhere: {side.name}: {error}") from error
    answers = _answers(moved, pack, conditions, "elsewhere")
    _assert_alike(whole, answers, f"elsewhere: {side.name} answers otherwise")


def _answers(side: Side, pack: Pack, conditions: Conditions, promise: str) -> Answers:
    """Return what a side answers; assert that nothing failed."""
    answers = side.answer(pack, conditions)
    assert not isinstance(answers, Failure), _describe(promise, side, answers)
    for failure in answers.failures.values():
        raise AssertionError(_describe(promise, side, failure)) from failure.exception
    return answers


def _describe(promise: str, side: Side, failure: Failure) -> str:
    facts = dict(failure.facts) or failure.exception
    return f"{promise}: {side.name} failed: {failure.code} {facts!r}"


def _assert_alike(left: Answers, right: Answers, claim: str) -> None:
    for name, column in left.values.items():
        pairs = zip(column, right.values[name], strict=True)
        for row, (expected, got) in enumerate(pairs):
            # As texts: NaN is unlike itself, and 1 is like 1.0 and True.
            is_alike = repr(expected) == repr(got)
            assert is_alike, f"{claim}: row {row} of {name!r}: {expected!r}, {got!r}"
