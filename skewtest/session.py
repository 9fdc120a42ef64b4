"""One check of a view, as `skewtest.check`, the pytest plugin and the command line all ask for it.

The doors differ in where their settings come from. What is made of them is here: a budget, which
the engine keeps to, and a corpus, which holds what is found.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime
from pathlib import Path

from skewtest.checks.parity import search
from skewtest.checks.under_scenario import KeptHistories
from skewtest.declare.delivery import RELATIONS, SCENARIOS
from skewtest.declare.known import Known
from skewtest.declare.view import FeatureView
from skewtest.drive.streams import restore_streams
from skewtest.errors import CorpusError, DeclarationError, listed, nearest
from skewtest.report.result import Result
from skewtest.results import values
from skewtest.results.corpus import load, save
from skewtest.results.finding import Finding
from skewtest.results.outcome import Outcome
from skewtest.results.values import Migrated, Rejected, Stale
from skewtest.run.budget import Budget, default_histories
from skewtest.run.progress import SILENT, Progress

Again = Callable[[int | None], str]
"""Makes the command that runs a check again, of the seed; of None where no seed matters."""


def check_scenarios(view: FeatureView, scenarios: Sequence[str] | None) -> Sequence[str]:
    """Return the scenarios to run, by default those that the view declares.

    Raises:
        DeclarationError: there is no such scenario.
    """
    if isinstance(scenarios, str):
        raise DeclarationError(
            f"check(scenarios=...) must be a list of names; got {scenarios!r}. "
            f"Write [{scenarios!r}]."
        )
    for name in scenarios or ():
        if name not in (*SCENARIOS, RELATIONS):
            raise DeclarationError(
                f"check(scenarios=...) must be among {listed((*SCENARIOS, RELATIONS))}; "
                f"got {name!r}." + nearest(name, (*SCENARIOS, RELATIONS))
            )
    return scenarios or scenarios_of(view)


def scenarios_of(view: FeatureView) -> list[str]:
    """Return the scenarios that a view declares, and "relations" where it has any."""
    if not view.relations:
        return list(view.delivery.scenarios)
    return [*view.delivery.scenarios, RELATIONS]


@dataclass(frozen=True, slots=True)
class Corpus:
    """Where counterexamples are kept and replayed from.

    Attributes:
        folder: the folder of all views; None: nothing is kept or replayed.
        root: the folder of the project: paths in it are shown relative to it.
        renamed: by the name that a view had when files were kept, the one that it has.
    """

    folder: Path | None = None
    root: Path | None = None
    renamed: Mapping[str, str] = field(default_factory=dict)

    def load(self, view: FeatureView) -> "Guards":
        """Return the kept counterexamples of a view, and the files that cannot be used."""
        if self.folder is None:
            return Guards()
        old_names = [old for old, new in self.renamed.items() if new == view.name]
        migrated: list[Migrated] = []

        def note_changes(path: str, changes: Sequence[str]) -> None:
            migrated.append(Migrated(file=self._relative(path), changes="; ".join(changes)))

        histories, rejected = load(self.folder, view, old_names, note_changes)
        return Guards(
            [(self._relative(path), history) for path, history in histories],
            [Rejected(file=self._relative(path), reason=reason) for path, reason in rejected],
            migrated,
        )

    def keep(self, outcome: Outcome) -> Outcome:
        """Return an outcome whose findings are in the corpus; what cannot be kept is told.

        Advice is not kept: nobody has promised that it holds.
        """
        if self.folder is None or not outcome.gates:
            return outcome
        findings: list[Finding] = []
        errors: dict[str, None] = {}
        for finding in outcome.findings:
            # A file replays both sides: it cannot say which law of one of them is broken.
            if finding.replayed or finding.relation or finding.counterexample is None:
                findings.append(finding)
                continue
            try:
                path = self._relative(save(self.folder, finding))
                findings.append(replace(finding, corpus=path))
            except CorpusError as error:
                findings.append(finding)
                errors[str(error)] = None
        return replace(outcome, findings=tuple(findings), unkept=tuple(errors))

    def _relative(self, path: str | Path) -> str:
        full = Path(path)
        if self.root is not None and full.is_relative_to(self.root):
            return str(full.relative_to(self.root))
        return str(full)


@dataclass(frozen=True, slots=True)
class Guards:
    """The kept files of a view.

    Attributes:
        histories: those that can be run, by file.
        rejected: those that cannot, with the reason.
        migrated: those that were made to fit the view of today.
    """

    histories: KeptHistories = ()
    rejected: Sequence[Rejected] = ()
    migrated: Sequence[Migrated] = ()

    def account(self, outcomes: Sequence[Outcome]) -> tuple[Outcome, ...]:
        """Return outcomes that answer for each kept file: one that was not run is a gap.

        What cannot be run counts once, for the first outcome that gates; what could have been run
        under a scenario that was skipped counts there.
        """
        answerable = next((outcome for outcome in outcomes if outcome.gates), None)
        accounted = []
        for outcome in outcomes:
            rejected = [*outcome.rejected, *self._not_run_under(outcome)]
            migrated = outcome.migrated
            if outcome is answerable:
                rejected += self.rejected
                migrated = tuple(self.migrated)
            accounted.append(replace(outcome, rejected=tuple(rejected), migrated=migrated))
        return tuple(accounted)

    def _not_run_under(self, outcome: Outcome) -> list[Rejected]:
        """Return the kept files that are of a scenario which was skipped."""
        files = []
        for file, history in self.histories:
            if outcome.skipped is not None and history.scenario.name == outcome.scenario:
                files.append(
                    Rejected(file=file, reason=f"the scenario was skipped: {outcome.skipped}")
                )
        return files


NO_CORPUS = Corpus()


def check_view(
    view: FeatureView,
    scenarios: Sequence[str],
    budget: Budget,
    again: Again,
    *,
    corpus: Corpus = NO_CORPUS,
    progress: Progress = SILENT,
    today: date | None = None,
) -> Result:
    """Check a view within a budget; keep what is found in the corpus.

    Args:
        view: the view.
        scenarios: the names of the scenarios to run.
        budget: how much to run.
        again: makes the command that runs it again.
        corpus: what is replayed first, and where findings are kept.
        progress: is told how far the check is.
        today: on which known divergences may have expired; None: it is now.
    """
    guards = corpus.load(view)
    with restore_streams():
        outcomes = search(view, scenarios, budget, kept=guards.histories, progress=progress)
    marked = []
    for outcome in guards.account(outcomes):
        marked.append(mark_known(corpus.keep(outcome), budget, today))
    return Result(view, tuple(marked), command_of(marked, again))


def part_of(result: Result, scenarios: Sequence[str], again: Again) -> Result:
    """Return some scenarios of a result, as a result of their own."""
    outcomes = tuple(outcome for outcome in result.outcomes if outcome.scenario in scenarios)
    return Result(result.view, outcomes, command_of(outcomes, again))


def command_of(outcomes: Sequence[Outcome], again: Again) -> str:
    """Return the command that shows outcomes again; what is kept needs no seed."""
    findings: list[Finding] = []
    for outcome in outcomes:
        findings += outcome.findings
    is_kept = bool(findings) and all(finding.replayed for finding in findings)
    if not outcomes or is_kept:
        return again(None)
    # All scenarios of a check share its histories, and so their seed.
    return again(outcomes[0].seed)


def mark_known(outcome: Outcome, budget: Budget, today: date | None) -> Outcome:
    """Return an outcome whose findings say whether they are known, and which known ones are gone.

    A divergence is only said to be gone after as many histories as are usual, and not where
    another one has ended the search.
    """
    today = today or datetime.now(UTC).date()
    entries = [entry for entry in budget.known if entry.scenario == outcome.scenario]
    findings = []
    met: set[Known] = set()
    for finding in outcome.findings:
        entry = _entry_of(finding, entries)
        if entry is not None:
            met.add(entry)
        findings.append(replace(finding, known=_describe_known(entry, today)))
    gone: list[Stale] = []
    was_run = outcome.skipped is None and outcome.histories > 0
    is_usual = was_run and budget.histories >= default_histories(outcome.view)
    if is_usual and all(finding.known is not None for finding in findings):
        for entry in entries:
            if entry not in met:
                gone.append(_stale_of(entry))
    return replace(outcome, findings=tuple(findings), stale=tuple(gone))


def _entry_of(finding: Finding, entries: Sequence[Known]) -> Known | None:
    """Return the known divergence that covers a finding, if any does."""
    for entry in entries:
        if entry.covers(finding.feature, finding.kind):
            return entry
    return None


def _describe_known(entry: Known | None, today: date) -> values.Known | None:
    """Return what a finding says of itself that is known."""
    if entry is None:
        return None
    return values.Known(
        owner=entry.owner,
        reason=entry.reason,
        expires=entry.expires,
        expired=entry.expires < today,
    )


def _stale_of(entry: Known) -> Stale:
    return Stale(feature=entry.feature, kind=entry.kind, owner=entry.owner, reason=entry.reason)
