"""What a scenario needs an online object to be able to do."""

from skewtest.declare.delivery import Scenario
from skewtest.worker.state import StateError, has_method

__all__ = ["StateError", "lacking", "needed_methods"]

NEEDED: dict[str, tuple[str, ...]] = {
    "restarted": ("snapshot", "restore"),
    "split": ("snapshot", "restore"),
    "bootstrapped": ("bootstrap",),
}


def needed_methods(scenario: Scenario) -> tuple[str, ...]:
    """Return the methods beside `update` and `query` that a scenario calls."""
    wanted = NEEDED.get(scenario.name, ())
    return (*wanted, "merge") if scenario.delivery.split == "merged" else wanted


def lacking(target: object, scenario: Scenario) -> str | None:
    """Return the method that a scenario needs and an online object has not, or None."""
    for verb in needed_methods(scenario):
        if not has_method(target, verb):
            return verb
    return None
