"""How much is run."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Budget:
    """How much to run, and from which seed."""

    histories: int
    seed: int
