"""One view under one scenario: what its packs have shown so far."""

import time
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from skewtest.checks.sketches import SketchCounts
from skewtest.compare.distances import Distances
from skewtest.compare.tables import Tally
from skewtest.declare.delivery import IN_ORDER, Scenario
from skewtest.declare.divergence import Excuse
from skewtest.declare.known import Known
from skewtest.declare.tolerance import is_stability_asked
from skewtest.declare.view import FeatureView
from skewtest.generate.history import History, Pack
from skewtest.results.finding import Finding
from skewtest.results.outcome import Outcome
from skewtest.results.values import Reach, Seconds, SideName, list_excused, mutations_of
from skewtest.run.budget import Budget
from skewtest.run.confirm import finding_of, findings_of, name_feature
from skewtest.run.draft import draft_of
from skewtest.run.effort import ADVICE, DECLARED, NONE
from skewtest.run.experiment import Trial, run_trial
from skewtest.run.judge import Excused, judge
from skewtest.run.shown import Group
from skewtest.run.suspects import Confirmation, Suspect, confirm_divergences
from skewtest.sides.answers import Answers

# Every scenario but `in_order` is tried on one in so many histories, and on so many at least.
FAULTY_SHARE, FAULTY_LEAST = 4, 256
# How many further histories are run after the first finding, to tell distinct failures apart.
MORE = 192
# A suspect of so few events is minimised as it is; a larger one gives way to a smaller one.
SMALL = 4
# After this many packs whose only divergences come from requests that trail an event of their own
# instant, the online side gets no more of them: it trusts the order of delivery, which is its
# right.
TRUSTING = 2

KeptHistories = Sequence[tuple[str, History]]
"""Counterexamples of the corpus, with their file."""


@dataclass(slots=True)
class Stopwatch:
    """Where time goes, in seconds."""

    began: float = field(default_factory=time.perf_counter)
    began_cpu: float = field(default_factory=time.process_time)
    generate: float = 0.0
    batch: float = 0.0
    online: float = 0.0
    minimise: float = 0.0
    detect: float | None = None

    def note_detection(self) -> None:
        """Take note that the first finding has been confirmed."""
        if self.detect is None:
            self.detect = time.process_time() - self.began_cpu

    def read(self) -> Seconds:
        """Return what it shows."""
        return Seconds(
            total=time.perf_counter() - self.began,
            cpu=time.process_time() - self.began_cpu,
            generate=self.generate,
            batch=self.batch,
            online=self.online,
            minimise=self.minimise,
            detect=self.detect,
        )


@dataclass(slots=True)
class ScenarioRun:
    """The search under one scenario.

    Attributes:
        view: what is run.
        scenario: the delivery.
        budget: how much to run.
        lacking: what the scenario needs and the view has not, None where it can be run.
        stop_at: after how many generated histories enough is known.
        tried: how many generated histories were looked at, those included that the scenario does
            not concern.
        histories: how many it concerned.
        replayed: how many kept histories were run.
        findings: those of kept files, and once the search is over those of the search.
        excused: how many rows differ and do not stand, by feature and the rules that excuse them.
        suspects: what was confirmed and is yet to be minimised, by group.
        trusting: in how many packs the online side did no more than trust the order of delivery.
        looks: how many packs were looked at closely, which runs them again and again.
        reach: what a budget of seconds left out, None where it left out nothing.
        sketches: how often features with a sketch's law were beyond its bound.
    """

    view: FeatureView
    scenario: Scenario
    budget: Budget
    lacking: str | None = None
    stop_at: int = 0
    watch: Stopwatch = field(default_factory=Stopwatch)
    tried: int = 0
    histories: int = 0
    replayed: int = 0
    excused: Counter[tuple[str, tuple[Excuse, ...]]] = field(default_factory=Counter)
    trusting: int = 0
    looks: int = 0
    findings: list[Finding] = field(default_factory=list)
    suspects: dict[Group, Suspect] = field(default_factory=dict)
    tallies: dict[str, Tally] = field(default_factory=dict)
    distances: dict[str, Distances] = field(default_factory=dict)
    incidents: Counter[str] = field(default_factory=Counter)
    mutated: set[tuple[SideName, str]] = field(default_factory=set)
    reach: Reach | None = None
    sketches: SketchCounts = field(init=False)

    def __post_init__(self) -> None:
        self.sketches = SketchCounts(self.view)
        self.stop_at = self.planned

    @property
    def planned(self) -> int:
        """How many histories are generated for the scenario: in order is the most thorough."""
        histories = self.budget.histories
        if self.scenario.name == IN_ORDER:
            return histories
        return max(min(FAULTY_LEAST, histories), histories // FAULTY_SHARE)

    @property
    def gates(self) -> bool:
        """Whether the view declares the scenario; otherwise it is explored, as advice."""
        return self.scenario.name in self.view.delivery.scenarios

    @property
    def is_over(self) -> bool:
        """Whether enough is known."""
        return self.tried >= self.stop_at

    @property
    def known(self) -> list[Known]:
        """What pyproject.toml says is known of this scenario."""
        return [entry for entry in self.budget.known if entry.scenario == self.scenario.name]

    @property
    def has_news(self) -> bool:
        """Whether the search has found something that is not known."""
        return any(not self.is_known(group) for group in self.suspects)

    def is_known(self, group: Group) -> bool:
        """Return whether a divergence ends no search: its owner knows of it, or it only warns."""
        feature, kind, _ = group
        if kind == "unstable" and not is_stability_asked(self.view.features.get(feature)):
            return True
        name = name_feature(self.view, feature)
        return any(entry.covers(name, kind) for entry in self.known)

    def replay(self, kept: KeptHistories) -> None:
        """Run the kept counterexamples of the scenario; those that still diverge are findings."""
        findings: dict[Group, Finding] = {}
        with_own_file: set[Group] = set()
        for path, history in kept:
            if history.scenario.name != self.scenario.name:
                continue
            draft = draft_of(self.view, history)
            self.replayed += 1
            judgement = judge(self.view, [draft])[0]
            self._note_excused(judgement.excused.values())
            for group, divergence in judgement.standing.items():
                suspect = Suspect(group, draft, 0, seen=divergence)
                finding = finding_of(self.view, suspect, NONE.effort())
                # What was kept was made as small as it gets when it was found.
                finding = replace(finding, corpus=path, replayed=True, is_minimal=True)
                # A file that was kept for another feature shows this one too: its own goes first.
                is_own = Path(path).name.startswith(f"{finding.slug}-")
                if group not in findings or (is_own and group not in with_own_file):
                    findings[group] = finding
                if is_own:
                    with_own_file.add(group)
        if findings:
            self.watch.note_detection()
        self.findings += findings.values()

    def try_pack(self, pack: Pack, batch: Answers | None, first: int) -> Trial | None:
        """Try a pack as this scenario delivers it; None where nothing is asked.

        Args:
            pack: the histories.
            batch: what batch has answered in order.
            first: the number of the history in lane 0.
        """
        if pack.spine.is_empty():
            return None
        if self.trusting >= TRUSTING:
            pack = replace(pack, lags={})
        trial, confirmation = self._try_closely(pack, batch, first)
        if confirmation.trusts_order and not self._news(confirmation):
            late = [row for row in confirmation.excused if "late request" in row.by]
            self._note_excused(late)
            self.trusting += 1
            # Batch is asked anew: looking closely has called both sides on other histories.
            trial, confirmation = self._try_closely(replace(pack, lags={}), None, first)
        self._count(trial)
        self._note_excused(confirmation.excused)
        self._count_excused(confirmation.excused)
        return trial

    def _try_closely(
        self, pack: Pack, batch: Answers | None, first: int
    ) -> tuple[Trial, Confirmation]:
        """Run a pack, and keep what stands."""
        trial = run_trial(self.view, pack, batch)
        self.sketches.note(pack, trial)
        if not trial.divergences:
            return trial, Confirmation()
        self.looks += 1
        confirmation = confirm_divergences(self.view, pack, trial, first, self._is_wanted)
        for suspect in confirmation.suspects.values():
            self._keep(suspect)
        news = self._news(confirmation)
        if news and self.watch.detect is None:
            self.watch.note_detection()
            hangs = any(group[1] == "timeout" for group in news)
            # Each further history may hang as well, and cost its whole limit.
            self.stop_at = min(self.stop_at, self.tried + (0 if hangs else MORE))
        return trial, confirmation

    def _news(self, confirmation: Confirmation) -> list[Group]:
        return [group for group in confirmation.suspects if not self.is_known(group)]

    def _count(self, trial: Trial) -> None:
        for name, tally in trial.tallies.items():
            self.tallies[name] = self.tallies.get(name, Tally()) + tally
            before = self.distances.get(name, Distances())
            self.distances[name] = before + trial.distances[name]
        self.mutated |= trial.mutated
        self.watch.online += trial.right.seconds

    def _note_excused(self, rows: Iterable[Excused]) -> None:
        for row in rows:
            self.excused[row.divergence.feature, row.by] += 1

    def _count_excused(self, rows: Iterable[Excused]) -> None:
        """Count rows as excused that were counted as different."""
        for row in rows:
            divergence = row.divergence
            if divergence.feature in self.tallies:
                tally = self.tallies[divergence.feature]
                self.tallies[divergence.feature] = tally.without(divergence)

    def _is_wanted(self, suspect: Suspect) -> bool:
        """Return whether a suspect is new, or smaller than a large one that is kept.

        The first history stands alone, whatever its size. Minimising ends in the nearest smallest
        history, so it is better begun from the smallest of many.
        """
        feature, kind, _ = suspect.group
        if self.sketches.excuses(feature, kind):
            return False
        before = self.suspects.get(suspect.group)
        if before is None:
            return True
        events = len(before.draft.events)
        return events > SMALL and len(suspect.draft.events) < events

    def _keep(self, suspect: Suspect) -> None:
        before = self.suspects.get(suspect.group)
        if before is not None:
            suspect = replace(suspect, found_at=before.found_at)
        self.suspects[suspect.group] = suspect

    def minimise(self, rate: float) -> None:
        """Make findings of the suspects, without those that kept files show already.

        Args:
            rate: seconds that both sides cost an event or request.
        """
        began = time.perf_counter()
        groups = {finding.divergence.group for finding in self.findings}
        suspects = [suspect for suspect in self.suspects.values() if suspect.group not in groups]
        # News first, as further suspects are minimised with a smaller share of the effort; then in
        # the order of histories, and of one history in that in which the view declares features.
        numbers = {name: number for number, name in enumerate(self.view.features)}

        def rank(suspect: Suspect) -> tuple[bool, int, int]:
            feature = suspect.group[0]
            return self.is_known(suspect.group), suspect.found_at, numbers.get(feature, -1)

        suspects.sort(key=rank)
        allowance = DECLARED if self.gates else ADVICE
        self.findings += findings_of(self.view, suspects, allowance.at_rate(rate))
        self.watch.minimise += time.perf_counter() - began

    def outcome(self) -> Outcome:
        """Return what the scenario came to."""
        skipped = self.lacking
        if skipped is None and not self.findings and not self.histories + self.replayed:
            skipped = f"none of {self.tried:,} histories was concerned"
        has_news = bool(news_of(self.findings, self.known))
        # What ended early, or did not run, has not looked long enough to say so.
        untested = () if has_news or skipped is not None else self._list_untested()
        return Outcome(
            subject=self.view,
            scenario=self.scenario.name,
            seed=self.budget.seed,
            histories=self.histories + self.replayed,
            planned=self.planned,
            cut_short=has_news and skipped is None and self.tried < self.planned,
            reach=self.reach,
            findings=tuple(self.findings),
            untested=untested,
            tallies=dict(self.tallies),
            distances=dict(self.distances),
            incidents=dict(self.incidents),
            mutated=mutations_of(self.mutated),
            excused=list_excused(self.excused),
            seconds=self.watch.read(),
            gates=self.gates,
            skipped=skipped,
        )

    def _list_untested(self) -> tuple[str, ...]:
        """Return the features that had no value; the histories of a fault are too few to tell."""
        if self.scenario.name != IN_ORDER:
            return ()
        names = []
        for name in self.view.features:
            if not self.tallies.get(name, Tally()).compared:
                names.append(name)
        return tuple(names)


def news_of(findings: Sequence[Finding], known: Sequence[Known]) -> list[Finding]:
    """Return the findings that are not known."""
    news = []
    for finding in findings:
        if not any(entry.covers(finding.feature, finding.kind) for entry in known):
            news.append(finding)
    return news
