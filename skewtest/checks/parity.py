"""The search: packs of histories are tried, what diverges is confirmed and minimised.

All scenarios of a view are tried on the same packs, each of which batch answers once.
"""

import time
import zlib
from collections import Counter
from collections.abc import Callable, Container, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from skewtest.checks.laws import Laws
from skewtest.compare.distances import Distances
from skewtest.compare.tables import Divergence, Tally
from skewtest.declare.delivery import IN_ORDER, RELATIONS, Scenario
from skewtest.declare.known import Known
from skewtest.declare.view import FeatureView
from skewtest.deliver.scenarios import spread
from skewtest.drive.guard import remembered_interrupt
from skewtest.generate.blocks import Blocks
from skewtest.generate.hints import Hints, hints_of
from skewtest.generate.history import History, Pack
from skewtest.generate.instants import Clock
from skewtest.results.finding import Finding
from skewtest.results.outcome import Outcome, Seconds
from skewtest.run.budget import Budget
from skewtest.run.confirm import (
    Suspect,
    confirmed,
    finding_of,
    findings_of,
    named,
    suspects_of,
)
from skewtest.run.draft import draft_of
from skewtest.run.effort import ADVICE, DECLARED, NONE
from skewtest.run.experiment import Trial, answers_of_lanes, run_trial
from skewtest.run.fitted import fitted_view
from skewtest.run.isolation import batch_answers
from skewtest.run.judge import Group, judge
from skewtest.sides.answers import Answers, Failure
from skewtest.sides.objects import lacking_for

FAULTY_SHARE, FAULTY_LEAST = 4, 256
"""Every scenario but `in_order` is tried on one in so many histories, and on so many at least."""
MORE = 192
"""How many further histories are run after the first finding, to tell distinct failures apart."""
SUSPECTS = 3
DIFFER_IN_ORDER = "the sides differ in order"
TRUSTING = 2
"""So many packs show that the online side trusts the order of delivery; then it gets it."""

Progress = Callable[[int, int], None]
Kept = Sequence[tuple[str, History]]


def nothing_shown(_done: int, _planned: int) -> None:
    """Show no progress."""


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


@dataclass(slots=True)
class Running:
    """The search under one scenario.

    Attributes:
        tried: how many generated histories were looked at, those included that the scenario does
            not concern.
        histories: how many it concerned.
    """

    scenario: Scenario
    stop_at: int
    known: tuple[Known, ...] = ()
    watch: Stopwatch = field(default_factory=Stopwatch)
    tried: int = 0
    histories: int = 0
    replayed: int = 0
    unconfirmed: int = 0
    trusting: int = 0
    suspects: dict[Group, Suspect] = field(default_factory=dict)
    tallies: dict[str, Tally] = field(default_factory=dict)
    distances: dict[str, Distances] = field(default_factory=dict)
    incidents: Counter[str] = field(default_factory=Counter)
    mutated: set[tuple[str, str]] = field(default_factory=set)

    @property
    def is_over(self) -> bool:
        """Whether enough is known."""
        return self.tried >= self.stop_at

    def try_pack(self, view: FeatureView, pack: Pack, batch: Answers | None) -> None:
        """Try a pack, as this scenario delivers it."""
        if pack.spine.is_empty():
            return
        trial = run_trial(view, pack, batch)
        trusts = bool(trial.divergences) and self._look_into(view, pack, trial)
        self._count(run_trial(view, replace(pack, lags={}), batch) if trusts else trial)

    def _count(self, trial: Trial) -> None:
        for name, tally in trial.tallies.items():
            self.tallies[name] = self.tallies.get(name, Tally()) + tally
            before = self.distances.get(name, Distances())
            self.distances[name] = before + trial.distances[name]
        self.mutated |= trial.mutated
        self.watch.online += trial.right.seconds

    def _look_into(self, view: FeatureView, pack: Pack, trial: Trial) -> bool:
        """Keep what stands; return whether all that was found is that online trusts the order."""
        fresh = [
            suspect
            for suspect in suspects_of(view, pack, trial, self.tried, SUSPECTS)
            if suspect.group not in self.suspects
        ]
        kept, dropped = confirmed(view, pack, trial, fresh)
        self.unconfirmed += dropped
        trusts = bool(dropped) and any(suspect.draft.lag is not None for suspect in fresh)
        self.trusting += trusts
        for suspect in kept:
            self.suspects.setdefault(suspect.group, suspect)
        fresh = [suspect for suspect in kept if not self.is_known(view, suspect.group)]
        if fresh and self.watch.detect is None:
            self.watch.detect = time.process_time() - self.watch.began_cpu
            hangs = any(suspect.group[1] == "timeout" for suspect in fresh)
            self.stop_at = min(self.stop_at, self.tried + (0 if hangs else MORE))
        return trusts and not kept

    def is_known(self, view: FeatureView, group: Group) -> bool:
        """Return whether a divergence is one that its owner knows of."""
        feature, kind, _ = group
        return any(known.covers(named(view, feature), kind) for known in self.known)

    def has_news(self, view: FeatureView) -> bool:
        """Return whether something was found that is not known."""
        return any(not self.is_known(view, group) for group in self.suspects)


@dataclass(slots=True)
class Search:
    """The state of one search over all scenarios."""

    view: FeatureView
    budget: Budget
    progress: Progress
    blocks: Blocks
    hints: Hints
    running: list[Running]
    laws: Laws | None = None
    histories: int = 0
    check_interrupt: Callable[[], None] = lambda: None

    def run(self) -> None:
        """Try packs until the budget is spent or enough is found."""
        with remembered_interrupt() as self.check_interrupt:
            while self.histories < self._stops_at():
                self.try_next()

    def try_next(self) -> None:
        """Generate the next pack and try it under each scenario."""
        active = [running for running in self.running if not running.is_over]
        first = self.histories
        # It hangs on the budget alone, so a scenario is tried on the same histories whatever
        # else is run beside it.
        lanes = min(self.blocks.room(first), self.budget.histories - first)
        started = time.perf_counter()
        watch = active[0].watch if active else Stopwatch()
        pack = self.blocks.pack(first, lanes)
        incidents = self.blocks.incidents(first, lanes)
        watch.generate += time.perf_counter() - started
        batch = batch_answers(self.view, pack)
        watch.batch += batch.seconds
        for running in active:
            self._try_under(running, first, pack, batch, incidents)
        if self.laws is not None and not self._differs_in_order():
            is_last = self._stops_at() <= first + lanes
            self.laws.try_pack(pack, batch, is_last=is_last)
        self.histories += lanes
        self.progress(self.histories, self.budget.histories)
        self.check_interrupt()

    def _try_under(
        self, running: Running, first: int, pack: Pack, batch: Answers, incidents: Counter[str]
    ) -> None:
        if running.scenario.name == IN_ORDER:
            concerned = replace(pack, lags={}) if running.trusting >= TRUSTING else pack
            running.try_pack(self.view, concerned, batch)
            running.histories += pack.lanes
            running.incidents.update(incidents)  # += would drop those that were never met
        else:
            name = zlib.crc32(running.scenario.name.encode())
            rng = np.random.default_rng([self.budget.seed % 2**64, first, name])
            concerned = spread(self.view, pack, running.scenario, self.hints, rng)
            lanes, answers = answers_of_lanes(pack, concerned, batch)
            running.try_pack(self.view, concerned, answers)
            running.histories += lanes
            running.incidents[running.scenario.name] += lanes
        running.tried += pack.lanes

    def _differs_in_order(self) -> bool:
        """Return whether the sides differ anyway: then a broken law is no news."""
        return any(r.has_news(self.view) for r in self.running if r.scenario.name == IN_ORDER)

    def _stops_at(self) -> int:
        """Return after how many histories enough is known."""
        wanted = [running.stop_at for running in self.running]
        if self.laws is not None and not self._differs_in_order():
            wanted.append(self.laws.stop_at)
        return max(wanted)


def search(
    view: FeatureView,
    scenarios: Sequence[str],
    budget: Budget,
    kept: Kept = (),
    rejected: Sequence[tuple[str, str]] = (),
    progress: Progress = nothing_shown,
    placed: Callable[[FeatureView], FeatureView] = lambda view: view,
) -> tuple[Outcome, ...]:
    """Run a view under scenarios: kept counterexamples first, then generated histories.

    Args:
        view: what to run.
        scenarios: the names of the delivery scenarios.
        budget: how many histories to generate, from which seed.
        kept: counterexamples of the corpus, with their file.
        rejected: files of the corpus that could not be used, with the reason.
        progress: called with the histories done and planned after each pack.
        placed: makes of the view, once it is fitted, the one that runs, such as in other
            environments.
    """
    hints = hints_of(view)
    prepared = fitted_view(view, hints, budget.seed)
    if isinstance(prepared, Failure):
        return tuple(
            _outcome(
                view, Running(Scenario(name), 0), budget, [_unfit(view, name, prepared)], (), None
            )
            for name in scenarios[:1]
        )
    view = prepared if missing_sides(prepared) else placed(prepared)
    missing = missing_sides(view)
    named_ones = [view.delivery.under(name) for name in scenarios if name != RELATIONS]
    skipped = {} if missing else {s.name: lacking_for(view, s) for s in named_ones}
    running = {
        s.name: Running(
            s,
            planned(s.name, budget),
            tuple(known for known in budget.known if known.scenario == s.name),
        )
        for s in named_ones
    }
    able = [run for name, run in running.items() if not missing and skipped[name] is None]
    laws = Laws(view, budget) if RELATIONS in scenarios and view.relations and not missing else None
    found: dict[str, list[Finding]] = {
        name: [_not_given(view, name, side) for side in missing] for name in running
    }
    for run in able:
        found[run.scenario.name] += _replayed(view, run, kept).values()
    if able or laws:
        blocks = Blocks(view, Clock.of(view, hints), hints, budget.seed)
        Search(view, budget, progress, blocks, hints, able, laws).run()
    for run in able:
        shown = {finding.divergence.group for finding in found[run.scenario.name]}
        found[run.scenario.name] += _minimised(view, run, shown)
    outcomes = [
        _outcome(view, run, budget, found[name], rejected, skipped.get(name))
        for name, run in running.items()
    ]
    if laws is None:
        return tuple(outcomes)
    if IN_ORDER in running and _news(running[IN_ORDER], found[IN_ORDER]):
        laws.stopped = DIFFER_IN_ORDER
    return (*outcomes, laws.outcome())


def _news(run: Running, findings: Sequence[Finding]) -> list[Finding]:
    """Return the findings that are not known."""
    return [one for one in findings if not any(k.covers(one.feature, one.kind) for k in run.known)]


def missing_sides(view: FeatureView) -> list[str]:
    """Return the sides that a view has no implementation of."""
    return [side for side in ("batch", "online") if getattr(view, side) is None]


def planned(scenario: str, budget: Budget) -> int:
    """Return how many histories are generated for a scenario: in order is the most thorough."""
    if scenario == IN_ORDER:
        return budget.histories
    return max(min(FAULTY_LEAST, budget.histories), budget.histories // FAULTY_SHARE)


def _replayed(view: FeatureView, run: Running, kept: Kept) -> dict[Group, Finding]:
    """Return the kept counterexamples of a scenario that still diverge; they are small already."""
    findings: dict[Group, Finding] = {}
    own: set[Group] = set()
    for path, history in kept:
        if history.scenario.name != run.scenario.name:
            continue
        draft = draft_of(view, history)
        run.replayed += 1
        for group in judge(view, [draft])[0]:
            found = replace(
                finding_of(view, Suspect(group, draft, 0), NONE.effort()),
                corpus=path,
                replayed=True,
            )
            # A file that was kept for another feature shows this one too: its own file goes first.
            is_own = Path(path).name.startswith(f"{found.slug}-")
            if group not in findings or (is_own and group not in own):
                findings[group] = found
            if is_own:
                own.add(group)
    if findings:
        run.watch.detect = time.process_time() - run.watch.began_cpu
    return findings


def _minimised(view: FeatureView, run: Running, known: Container[Group]) -> list[Finding]:
    """Return the confirmed suspects as findings, without those that kept files show already."""
    started = time.perf_counter()
    gates = run.scenario.name in view.delivery.scenarios
    suspects = [suspect for suspect in run.suspects.values() if suspect.group not in known]
    suspects.sort(key=lambda suspect: run.is_known(view, suspect.group))
    findings = findings_of(view, suspects, DECLARED if gates else ADVICE)
    run.watch.minimise += time.perf_counter() - started
    return findings


def _not_given(view: FeatureView, scenario: str, side: str) -> Finding:
    failure = Failure("batch" if side == "batch" else "online", "not_given")
    batch, online = (failure, None) if side == "batch" else (None, failure)
    return Finding(
        feature=named(view, ""),
        scenario=scenario,
        kind="error",
        counterexample=None,
        divergence=Divergence(-1, "", "error", batch, online),
        side=side,
    )


def _unfit(view: FeatureView, scenario: str, failure: Failure) -> Finding:
    """Return the finding that nothing could be fitted."""
    return Finding(
        feature=named(view, ""),
        scenario=scenario,
        kind=failure.kind,
        counterexample=None,
        divergence=Divergence(-1, "", "error", failure, None),
    )


def _outcome(
    view: FeatureView,
    run: Running,
    budget: Budget,
    findings: Sequence[Finding],
    rejected: Sequence[tuple[str, str]],
    skipped: str | None,
) -> Outcome:
    name = run.scenario.name
    if skipped is None and not findings and not run.histories + run.replayed:
        skipped = f"none of {run.tried:,} histories was concerned"
    # News ends a search early: what it had not met by then may be met later.
    is_whole = name == IN_ORDER and not _news(run, findings) and skipped is None
    untested = [n for n in view.features if not run.tallies.get(n, Tally()).compared]
    return Outcome(
        subject=view,
        scenario=name,
        seed=budget.seed,
        histories=run.histories + run.replayed,
        planned=planned(name, budget),
        cut_short=run.tried < planned(name, budget) and skipped is None and bool(findings),
        findings=tuple(findings),
        untested=tuple(untested) if is_whole else (),
        tallies=dict(run.tallies),
        distances=dict(run.distances),
        incidents=dict(run.incidents),
        mutated=tuple(sorted(run.mutated)),
        rejected=tuple(rejected),
        unconfirmed=run.unconfirmed,
        seconds=Seconds(
            total=time.perf_counter() - run.watch.began,
            cpu=time.process_time() - run.watch.began_cpu,
            generate=run.watch.generate,
            batch=run.watch.batch,
            online=run.watch.online,
            minimise=run.watch.minimise,
            detect=run.watch.detect,
        ),
        gates=name in view.delivery.scenarios,
        skipped=skipped,
    )
