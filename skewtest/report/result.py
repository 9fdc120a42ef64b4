"""The public result: everything that checking one view found."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import skewtest.report as formats
from skewtest.declare.delivery import IN_ORDER
from skewtest.declare.view import FeatureView
from skewtest.errors import SkewError
from skewtest.report.words import count
from skewtest.results.finding import Finding
from skewtest.results.outcome import Outcome, PlainFunction
from skewtest.results.values import Check

if TYPE_CHECKING:
    from skewtest.report.model import Report


@dataclass(frozen=True, slots=True, eq=False)
class Result:
    """What a check found, over all scenarios that were run; or a comparison of environments.

    Attributes:
        view: the view that was checked, or the function that was compared.
        outcomes: one for each scenario.
        again: the command or call that runs it again.
    """

    view: FeatureView | PlainFunction
    outcomes: tuple[Outcome, ...]
    again: str

    @property
    def ok(self) -> bool:
        """Whether batch and online agree under every declared scenario, and all was tested."""
        # Nothing was looked at where there is no outcome: that is no parity.
        return bool(self.outcomes) and all(o.ok for o in self.outcomes if o.gates)

    @property
    def histories(self) -> int:
        """How many histories were run; scenarios and relations share them."""
        # The most thorough of them tells it: adding up would count histories again.
        return max((outcome.histories for outcome in self.outcomes), default=0)

    @property
    def findings(self) -> tuple[Finding, ...]:
        """Distinct failures, each with its counterexample."""
        findings: list[Finding] = []
        for outcome in self.outcomes:
            findings += outcome.findings
        return tuple(findings)

    @property
    def untested(self) -> tuple[str, ...]:
        """Features that were never non-null on either side."""
        names: dict[str, None] = {}
        for outcome in self.outcomes:
            names.update(dict.fromkeys(outcome.untested))
        return tuple(names)

    @property
    def incidents(self) -> dict[str, int]:
        """In how many histories each incident was met; 0 for one that could be met and was not."""
        counts: dict[str, int] = {}
        for outcome in self.outcomes:
            for name, histories in outcome.incidents.items():
                counts[name] = counts.get(name, 0) + histories
        return counts

    @property
    def checks(self) -> tuple[Check, ...]:
        """What became of each law that a side was to be held to."""
        checks: list[Check] = []
        for outcome in self.outcomes:
            checks += outcome.checks
        return tuple(checks)

    @property
    def broken(self) -> bool:
        """Whether user code failed, rather than disagreed."""
        for finding in self.findings:
            # Code that is known to fail fails no run.
            if finding.is_news and finding.kind in ("error", "timeout"):
                return True
        return False

    def to_dict(self) -> dict[str, Any]:
        """Return the report as JSON values."""
        return formats.assembly.json_of(self.view, self.outcomes, self.again)

    def document(self) -> "Report":
        """Return the report as data, with where it comes from."""
        return formats.assembly.report_of_check(self.view, self.outcomes, self.again)

    def part(self, root: Path) -> "Report":
        """Return what was found as a part of a report.

        Args:
            root: the folder of the project: paths in it are relative to it.
        """
        return formats.assembly.part_of_check(self.view, self.outcomes, self.again, root)

    def plot(self, feature: str, scenario: str = IN_ORDER, *, library: str | None = None) -> Any:
        """Draw how far apart the numbers of a feature are, and batch against online.

        Args:
            feature: its name.
            scenario: under which; in order by default.
            library: "matplotlib" or "altair"; by default the first of them that is installed.

        Returns:
            A matplotlib Figure or an altair chart.

        Raises:
            DeclarationError: the result has no numbers of such a feature and scenario.
            ReportError: the library is not installed.
        """
        errors = formats.assembly.errors_to_plot(self.outcomes, feature, scenario)
        return formats.notebook.plot(errors, f"{self.view.name}.{feature}, {scenario}", library)

    def _repr_html_(self) -> str:
        """Return the report for a notebook."""
        return formats.notebook.fragment(self.document())

    def report(self, *, colour: bool = False, width: int = 80, again: str = "") -> str:
        """Return the report as text for a terminal; "" where all is well.

        Args:
            colour: whether to write ANSI colours.
            width: columns of the terminal.
            again: the command that runs it again, where it is another one.
        """
        texts = []
        for outcome in self.outcomes:
            text = formats.terminal.report_text(
                outcome, again or self.again, colour=colour, width=width
            )
            if text:
                texts.append(text)
        return "\n\n".join(texts).rstrip()

    def raise_if_skewed(self) -> None:
        """Raise SkewError with the report, unless all is well."""
        __tracebackhide__ = True
        if not self.ok:
            raise SkewError(self.report(), self)

    def __str__(self) -> str:
        if text := self.report():
            return text
        parity = f"{self.view.name}: parity on {self.histories:,} histories"
        rows = sum(each.rows for outcome in self.outcomes for each in outcome.excused)
        return f"{parity}, {count(rows, 'row')} excused" if rows else parity
