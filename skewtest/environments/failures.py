"""How an environment can fail: a closed list, and how a failure is read off a tool's output."""

from typing import Literal, TypeAlias

from skewtest.errors import SkewtestError

FailureKind: TypeAlias = Literal[
    "interpreter missing",
    "unsolvable",
    "no wheel",
    "index unreachable",
    "lock missing",
    "cache not writable",
    "does not import",
    "build failed",
]

# What uv and pip write for each kind. The order matters: a full disk also makes downloads fail, and
# an index that cannot be reached also makes a solution impossible. The first match is the reason.
_SIGNS: tuple[tuple[FailureKind, tuple[str, ...]], ...] = (
    ("cache not writable", ("No space left", "Permission denied", "Read-only file system")),
    ("no wheel", ("no usable wheels", "no wheels with a matching", "no matching distribution")),
    (
        "index unreachable",
        (
            "Failed to fetch",
            "dns error",
            "tcp connect error",
            "network was disabled",
            "Connection refused",
            "NewConnectionError",
            "Temporary failure in name resolution",
        ),
    ),
    ("unsolvable", ("No solution found", "ResolutionImpossible", "unsatisfiable")),
)

# A compiler's log can be megabytes; the error stands at its end.
_SHOWN_CHARACTERS = 4000


class EnvironmentFailedError(SkewtestError):
    """An environment cannot be had.

    Attributes:
        kind: one of the closed list.
        message: what happened, in the resolver's own words where it is the resolver's to say.
    """

    def __init__(self, kind: FailureKind, message: str) -> None:
        super().__init__(f"{kind}: {message}")
        self.kind: FailureKind = kind
        self.message = message


def classify_failure(name: str, output: str) -> EnvironmentFailedError:
    """Return the failure that a resolver or an installer reports, in its own words.

    Args:
        name: the environment's name.
        output: what the tool wrote to its standard error.
    """
    text = output.strip()
    lowered = text.lower()
    for kind, phrases in _SIGNS:
        if any(phrase.lower() in lowered for phrase in phrases):
            return EnvironmentFailedError(kind, f"{name}: {text}")
    return EnvironmentFailedError("build failed", f"{name}: {text[-_SHOWN_CHARACTERS:]}")
