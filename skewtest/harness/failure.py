"""What pytest shows of a failed check, in place of a traceback."""

from typing import Protocol

from skewtest.report.result import Result


class Writer(Protocol):
    """What pytest writes reports with."""

    def line(self, s: str = "") -> None:
        """Write a line."""


class Crash:
    """What pytest's short summary and JUnit show of a failure: its first line."""

    def __init__(self, message: str) -> None:
        self.message = message


class SkewText:
    """The report of a failed check, in the user's words."""

    def __init__(self, result: Result, *, colour: bool) -> None:
        self._plain = result.report()
        self._shown = result.report(colour=True) if colour else self._plain
        # Behind the claim, on its line, stands where it was found: far to the right.
        self.reprcrash = Crash(self._plain.split("   ")[0].split("\n")[0])

    def toterminal(self, writer: Writer) -> None:
        """Write the report; pytest calls it."""
        writer.line(self._shown)

    def __str__(self) -> str:
        return self._plain
