"""A side over a store: put your system in the place of the dict."""

from collections.abc import Callable, Iterator
from typing import Any

from skewtest.sides import Answers, Conditions

Event = dict[str, Any]


class StoreSide:
    """Answers from a store that is written event by event and read at each request.

    Args:
        write: takes the store and an event, and writes what the event changes.
        read: takes the store and a request, and returns a dict of features.
    """

    name = "store"
    capabilities = frozenset({"lanes", "events"})

    def __init__(
        self, write: Callable[[Event, Event], None], read: Callable[[Event, Event], Event]
    ) -> None:
        self.write, self.read = write, read

    def answer(self, pack: Any, conditions: Conditions) -> Answers:
        """Answer every spine row of a pack of histories, each in a store of its own."""
        values: dict[str, list[Any]] = {
            name: [None] * pack.spine.height for name in conditions.view.features
        }
        for lane in conditions.operations(pack):
            store: Event = {}
            for row, payload in zip(lane.rows, lane.payloads, strict=True):
                if row < 0:
                    self.write(store, payload)
                    continue
                for name, value in self.read(store, payload).items():
                    values[name][row] = value
        return Answers.of(values)

    def parts(self) -> Iterator[Callable[..., Any]]:
        """Yield the functions whose constants, files and hashes matter."""
        yield from (self.write, self.read)
