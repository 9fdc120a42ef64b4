"""What benchmarks share: CPU time, and claims that end the script with 1 where they do not hold."""

import argparse
import resource
import time
from collections.abc import Callable
from dataclasses import dataclass, field

LARGE = 1_000
"""From here on, figures are shown without decimals."""


def cpu_of(work: Callable[[], object]) -> float:
    """Return the CPU seconds of one call in this process, all of its threads counted."""
    began = time.process_time()
    work()
    return time.process_time() - began


def cpu_of_children() -> float:
    """Return the CPU seconds of all processes that were started here and have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


@dataclass(slots=True)
class Claims:
    """The claims of a script, each printed with its figure and its limit.

    Attributes:
        tiny: whether this is a smoke run, in which sizes prove nothing and nothing fails.
        broken: the claims that did not hold.
    """

    tiny: bool
    broken: list[str] = field(default_factory=list)

    def at_most(self, what: str, figure: float, limit: float, unit: str = "x") -> None:
        """Print a figure that must not be above its limit."""
        self._judge(what, figure, f"at most {limit:,g} {unit}", holds=figure <= limit)

    def at_least(self, what: str, figure: float, limit: float, unit: str = "x") -> None:
        """Print a figure that must not be below its limit."""
        self._judge(what, figure, f"at least {limit:,g} {unit}", holds=figure >= limit)

    def holds(self, what: str, *, true: bool) -> None:
        """Print something that must be true."""
        print(f"{what}: {'yes' if true else 'NO'}")
        if not true:
            self.broken.append(what)

    def _judge(self, what: str, figure: float, told: str, *, holds: bool) -> None:
        shown = f"{figure:,.2f}" if abs(figure) < LARGE else f"{figure:,.0f}"
        print(f"{what}: {shown} (claim: {told}){'' if holds else ' NOT HELD'}")
        if not holds:
            self.broken.append(what)

    def settle(self) -> None:
        """Exit with 1 where a claim did not hold; in a smoke run with 0."""
        if self.broken and not self.tiny:
            raise SystemExit(f"claims that do not hold: {'; '.join(self.broken)}")


def smoke_parser(description: str | None) -> argparse.ArgumentParser:
    """Return a parser that knows `--tiny`, which every script here takes."""
    parser = argparse.ArgumentParser(
        description=description, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--tiny", action="store_true", help="a smoke test: sizes prove nothing")
    return parser
