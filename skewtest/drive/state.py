"""What a scenario needs an online object to be able to do."""

from skewtest.declare.delivery import Scenario
from skewtest.worker.state import StateError, has_method

__all__ = ["StateError", "lacking", "methods_for"]

NEEDED: dict[str, tuple[str, ...]] = {
    "restarted": ("snapshot", "restore"),
    "split": ("snapshot", "restore"),
    "bootstrapped": ("bootstrap",),
}


def methods_for(scenario: Scenario) -> tuple[str, ...]:
    """Return the methods beside `update` and `query` that a scenario calls."""
    verbs = NEEDED.get(scenario.name, ())
    # Two workers that hand over do with snapshots; to answer for both takes a merge as well.
    if scenario.delivery.split == "merged":
        return (*verbs, "merge")
    return verbs


def lacking(target: object, scenario: Scenario) -> str | None:
    """Return the method that a scenario needs and an online object has not, or None."""
    for verb in methods_for(scenario):
        if not has_method(target, verb):
            return verb
    return None
