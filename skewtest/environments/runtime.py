"""A runtime: by which interpreter user code is run, with which folders and variables."""

from dataclasses import dataclass, field
from typing import Any

# Two seeds under which strings hash differently: code that leans on the order of a set answers
# differently under them. Any two would do; they are fixed so that a run repeats.
HASH_SEEDS = ("0", "4711")

# Variables of our own process that never reach another interpreter: they would lead it to our
# libraries, or switch off warnings and byte code that its owner's settings decide on.
LEFT_OUT = (
    "PYTHONDONTWRITEBYTECODE",
    "PYTHONPATH",
    "PYTHONHOME",
    "PYTHONSTARTUP",
    "VIRTUAL_ENV",
    "PYTHONWARNINGS",
)


@dataclass(frozen=True, slots=True)
class Runtime:
    """An interpreter that user code can be run by.

    Attributes:
        name: how reports call it.
        python: the interpreter's path.
        path: folders that user code is imported from, before all others.
        variables: environment variables that it is given.
        hash_seed: of its strings and bytes.
        is_ours: whether it is this process's own interpreter, with skewtest and the same variables.
        generation: a higher one is another process, that has imported nothing of the one before.
        home: the address where a side is held, if by no name of its own.
    """

    name: str
    python: str
    path: tuple[str, ...] = ()
    variables: tuple[tuple[str, str], ...] = ()
    hash_seed: str = HASH_SEEDS[0]
    is_ours: bool = False
    generation: int = 0
    home: Any = field(default=None, compare=False)
