"""Binding: the one place that looks at what an implementation is."""

import inspect
from dataclasses import replace
from typing import Any

from skewtest.declare.delivery import Scenario
from skewtest.declare.view import FeatureView
from skewtest.deliver.operations import Delivered
from skewtest.generate.history import Pack
from skewtest.sides.answers import Answers, Failure
from skewtest.sides.columns import Column
from skewtest.sides.foreign import ForeignSide
from skewtest.sides.functions import FunctionSide
from skewtest.sides.objects import ObjectSide
from skewtest.sides.side import Conditions, Role, Side
from skewtest.sides.supervised import ask_side

OUR_SIDES = (FunctionSide, ObjectSide, ForeignSide)
NEEDS = {"restarted": "snapshot", "split": "snapshot", "bootstrapped": "bootstrap"}
"""The capability that a scenario needs, by its name."""
ROWS_OF_A_HISTORY = 2_000
"""Generated histories have about so many events and requests at most, and `timeout` is meant for
one of them. A real log is worth many, and has the time of as many: it is no hang for being long."""


def bind(implementation: Any, role: Role) -> Side:
    """Return the side that an implementation is.

    Args:
        implementation: a function, a factory of online objects, an adapter, or any object with
            `answer(pack, conditions)`.
        role: whether it makes training data or serves; also what findings call it.
    """
    if isinstance(implementation, OUR_SIDES):
        return implementation
    # A class with such a method is a factory of online objects that happen to have it.
    has_answer = callable(getattr(implementation, "answer", None))
    if has_answer and not inspect.isclass(implementation):
        return ForeignSide(implementation, role)
    if role == "batch":
        return FunctionSide(implementation, role)
    return ObjectSide(implementation, role)


def capabilities(side: Side) -> frozenset[str]:
    """Return what a side can do beyond answering."""
    return side.capabilities


def side_of(view: FeatureView, role: Role) -> Side:
    """Return one side of a view, which has to be given."""
    implementation = view.batch if role == "batch" else view.online
    assert implementation is not None
    return bind(implementation, role)


def lacking_for(view: FeatureView, scenario: Scenario) -> str | None:
    """Return what a scenario needs and the online side of a view has not, or None."""
    if scenario.delivery.zone is not None and view.time.zone is None:
        return "needs times with a zone"
    side = side_of(view, "online")
    if isinstance(side, ObjectSide):
        verb = side.lacks(view, scenario)
        return None if verb is None else f"needs {verb}()"
    needed = "merge" if scenario.delivery.split == "merged" else NEEDS.get(scenario.name)
    if needed is None or needed in side.capabilities:
        return None
    return f"needs the capability {needed!r}"


def answer_batch(view: FeatureView, pack: Pack, patience: float | None = None) -> Answers | Failure:
    """Return what the batch side of a view answers; see `Side.answer`.

    Args:
        view: the view.
        pack: what is asked.
        patience: CPU seconds after which the call is given up, if that is sooner than its limit:
            the view's `timeout`, as often as the pack holds a history's worth of rows.
    """
    if view.batch is None:
        return Failure("batch", "not_given")
    conditions = Conditions.of(view, pack.scenario)
    seconds = view.timeout * max(1.0, _count_rows(pack) / ROWS_OF_A_HISTORY)
    if patience is not None:
        seconds = min(seconds, patience)
    conditions = replace(conditions, seconds=seconds)
    return ask_side("batch", side_of(view, "batch"), pack, conditions)


def _count_rows(pack: Pack) -> int:
    return pack.spine.height + sum(frame.height for frame in pack.events.values())


def answer_online(
    view: FeatureView, pack: Pack, delivered: list[Delivered] | None = None
) -> Answers:
    """Return what the online side of a view answers; a call that failed fails all rows.

    Args:
        view: the view.
        pack: what is asked.
        delivered: what reaches the side, where that is not what the pack says.
    """
    conditions = Conditions.of(view, pack.scenario, delivered)
    answers = ask_side("online", side_of(view, "online"), pack, conditions)
    if isinstance(answers, Answers):
        return answers
    rows = range(pack.spine.height)
    nothing = Column.of_nothing(len(rows)).with_failed(rows)
    return Answers(dict.fromkeys(view.features, nothing), dict.fromkeys(rows, answers))
