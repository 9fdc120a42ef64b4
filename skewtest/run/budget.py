"""How much is run."""

from dataclasses import dataclass

from skewtest.declare.known import Known


@dataclass(frozen=True, slots=True)
class Budget:
    """How much to run, and from which seed.

    Attributes:
        histories: how many to generate.
        seed: of what is generated.
        known: divergences that are known, which end no search.
        seconds: how many CPU seconds may be spent; None where histories alone decide.
    """

    histories: int
    seed: int
    known: tuple[Known, ...] = ()
    seconds: float | None = None
