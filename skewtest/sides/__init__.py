"""Sides: whatever answers requests. This is the door for those who write one.

A side has a `name`, `capabilities`, `answer(pack, conditions)`, `parts()` and `at(place)`; only
`answer` must be there. `skewtest.testing.check_side` is its conformance test.
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from skewtest.declare.sides import CAPABILITIES
    from skewtest.sides.answers import Answers, Failure
    from skewtest.sides.binding import bind, capabilities
    from skewtest.sides.side import Conditions, Side

__all__ = ["CAPABILITIES", "Answers", "Conditions", "Failure", "Side", "bind", "capabilities"]

_HOMES = {
    "CAPABILITIES": "skewtest.declare.sides",
    "Answers": "skewtest.sides.answers",
    "Conditions": "skewtest.sides.side",
    "Failure": "skewtest.sides.answers",
    "Side": "skewtest.sides.side",
    "bind": "skewtest.sides.binding",
    "capabilities": "skewtest.sides.binding",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'skewtest.sides' has no attribute {name!r}")
    value = getattr(importlib.import_module(_HOMES[name]), name)
    globals()[name] = value
    return value
