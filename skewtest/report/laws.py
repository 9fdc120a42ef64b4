"""What became of the laws that each side was to be held to, as every format tells it."""

from collections.abc import Sequence
from dataclasses import dataclass

from skewtest.report import model
from skewtest.results.values import CheckState

WORDS: dict[CheckState, str] = {
    "held": "held",
    "broken": "broken",
    "not applicable": "not applicable",
    "incomplete": "not tried to the end",
}
STYLES: dict[CheckState, str] = {
    "held": "green",
    "broken": "bold red",
    "not applicable": "dim",
    "incomplete": "yellow",
}
CLASSES: dict[CheckState, str] = {
    "held": "parity",
    "broken": "fails",
    "not applicable": "skipped",
    "incomplete": "untested",
}
"""As which state of the grid each is coloured, where pages have a style for that."""


@dataclass(frozen=True, slots=True)
class Law:
    """One law of one side of a view, and what came of it.

    Attributes:
        view: the view.
        check: the check.
    """

    view: str
    check: model.Check

    @property
    def word(self) -> str:
        """What it came to."""
        return WORDS[self.check.state]

    @property
    def claim(self) -> str:
        """The law, whose it is, and how the histories were changed to try it."""
        check = self.check
        return f"{check.law} ({check.change})" if check.change else check.law

    @property
    def extent(self) -> str:
        """On how many histories it was applied, or why it was not."""
        if self.check.state in ("held", "broken"):
            return f"{self.check.histories:,} histories"
        # What a default does not reach is no gap: its owner has not named it.
        if self.check.is_gap:
            return f"{self.check.reason}, and it was asked for"
        return self.check.reason


def laws_of(report: model.Report) -> list[Law]:
    """Return the laws of a report, in the order of its outcomes; what is broken comes first."""
    laws = []
    for outcome in report.outcomes:
        for check in outcome.checks:
            laws.append(Law(outcome.view, check))
    return sorted(laws, key=lambda law: law.check.state != "broken")


def count_laws(laws: Sequence[Law]) -> str:
    """Return how many laws came to what, in a line."""
    # In the order of WORDS, whichever comes first in the report.
    counts = dict.fromkeys(WORDS.values(), 0)
    for law in laws:
        counts[law.word] += 1
    parts = []
    for word, number in counts.items():
        if number:
            parts.append(f"{number:,} {word}")
    return ", ".join(parts)
