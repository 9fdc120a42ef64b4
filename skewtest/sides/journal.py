"""A journal in memory that a child shares with its parent: how far it had come when it died."""

import mmap
import struct
from dataclasses import dataclass

from skewtest.sides.side import Role

LAYOUT = struct.Struct("=qqqqd")
ROLES: tuple[Role | None, ...] = (None, "batch", "online")


@dataclass(frozen=True, slots=True)
class Entry:
    """What a journal says.

    Attributes:
        calls: how many calls into user code had been begun.
        role: the side that is called, None between calls.
        lane: the lane that runs, from 0; -1 for none.
        beats: grows whenever there is progress.
        seconds: the time limit of the call.
    """

    calls: int
    role: Role | None
    lane: int
    beats: int
    seconds: float


class Journal:
    """Written by a child, read by its parent, whatever became of the child."""

    def __init__(self) -> None:
        self.memory = mmap.mmap(-1, mmap.PAGESIZE)
        self.calls = self.beats = 0
        self.role = 0
        self.seconds = 0.0
        self._write(-1)

    def begin(self, role: Role, seconds: float) -> None:
        """Note that a side is called now, and what time it has."""
        self.calls += 1
        self.role, self.seconds = ROLES.index(role), seconds
        self.beat(-1)

    def end(self) -> None:
        """Note that the call is over."""
        self.role = 0
        self.beat(-1)

    def beat(self, lane: int) -> None:
        """Note that there was progress, and in which lane."""
        self.beats += 1
        self._write(lane)

    def read(self) -> Entry:
        """Return what was noted last."""
        calls, role, lane, beats, seconds = LAYOUT.unpack_from(self.memory)
        return Entry(calls, ROLES[role], lane, beats, seconds)

    def close(self) -> None:
        """Let go of the memory."""
        self.memory.close()

    def _write(self, lane: int) -> None:
        LAYOUT.pack_into(self.memory, 0, self.calls, self.role, lane, self.beats, self.seconds)
