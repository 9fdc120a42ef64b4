"""The names of the two sides of an experiment."""

from typing import NamedTuple


class Pair(NamedTuple):
    """What the left and the right side of an experiment are called, in every report."""

    left: str
    right: str


PARITY = Pair("batch", "online")
TWO_RUNS = Pair("first run", "second run")


def pair_of_change(change: str) -> Pair:
    """Return the pair of a side as it is, and of the same side on a changed history."""
    return Pair("as it is", change)
