"""How far a run is, for whoever waits for it."""

from typing import Protocol


class Progress(Protocol):
    """Is told how far a run is. What it shows, and where, is its own affair."""

    def advance(self, histories: int, planned: int) -> None:
        """Take note that so many histories of those that are planned are done."""

    def say(self, line: str) -> None:
        """Take note of what is being done, such as an environment that is built."""


class Silent:
    """Shows nothing."""

    def advance(self, histories: int, planned: int) -> None:
        """Do nothing."""

    def say(self, line: str) -> None:
        """Do nothing."""


SILENT = Silent()
