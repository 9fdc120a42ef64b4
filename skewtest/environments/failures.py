"""How an environment can fail: a closed list, each with a message of its own."""

from skewtest.errors import SkewtestError

KINDS = (
    "interpreter missing",
    "unsolvable",
    "no wheel",
    "index unreachable",
    "lock missing",
    "cache not writable",
    "does not import",
    "build failed",
)


class EnvironmentFailedError(SkewtestError):
    """An environment cannot be had.

    Attributes:
        kind: one of the closed list.
        message: what happened, in the resolver's own words where it is the resolver's to say.
    """

    def __init__(self, kind: str, message: str) -> None:
        assert kind in KINDS, kind
        super().__init__(f"{kind}: {message}")
        self.kind, self.message = kind, message
