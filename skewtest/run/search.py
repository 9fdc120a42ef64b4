"""The search: Hypothesis draws plans, packs are tried, what diverges is confirmed and minimised."""

import contextlib
import time
from collections import Counter
from collections.abc import Callable, Container, Sequence
from dataclasses import dataclass, field, replace

from hypothesis import HealthCheck, Phase, given, seed, settings

from skewtest.compare.tables import Divergence, Tally
from skewtest.declare.view import FeatureView
from skewtest.drive.guard import remembered_interrupt
from skewtest.drive.outcome import Failure
from skewtest.findings import Finding, Outcome, Seconds
from skewtest.generate.hints import Hints, hints_of
from skewtest.generate.history import History, Pack
from skewtest.generate.incidents import incidents_of
from skewtest.generate.instants import Clock
from skewtest.generate.packs import LONG, build
from skewtest.generate.plan import Plan, plans
from skewtest.run.confirm import Suspect, confirmed, finding_of, named, suspects_of
from skewtest.run.draft import draft_of
from skewtest.run.judge import Group, judge
from skewtest.run.trial import Trial, run_trial

PACKS = (64, 64, 128)
PACK = 256
MORE = 192
"""How many further histories are run after the first finding, to tell distinct failures apart."""
ALONE_LONG = 20
"""Every so many packs of a single lane, it is a long history."""
SUSPECTS = 3
FINDINGS = 8
MINIMISE_SECONDS = 6.0
TRUSTING = 2
"""So many packs show that the online side trusts the order of delivery; then it gets it."""
STAGES = ("generate", "batch", "online", "minimise")


Progress = Callable[[int, int], None]


def nothing_shown(_done: int, _planned: int) -> None:
    """Show no progress."""


@dataclass(frozen=True, slots=True)
class Budget:
    """How much to run, and from which seed."""

    histories: int
    seed: int


class _EnoughFound(BaseException):
    """Ends Hypothesis's loop: a BaseException, which Hypothesis neither shrinks nor reports."""


@dataclass(slots=True)
class Search:
    """The state of one search."""

    view: FeatureView
    scenario: str
    budget: Budget
    progress: Progress
    clock: Clock
    hints: Hints
    began: float = field(default_factory=time.perf_counter)
    began_cpu: float = field(default_factory=time.process_time)
    histories: int = 0
    replayed: int = 0
    packs: int = 0
    stop_at: int = 0
    unconfirmed: int = 0
    trusting: int = 0
    suspects: dict[Group, Suspect] = field(default_factory=dict)
    tallies: dict[str, Tally] = field(default_factory=dict)
    incidents: Counter[str] = field(default_factory=Counter)
    mutated: set[tuple[str, str]] = field(default_factory=set)
    spent: dict[str, float] = field(default_factory=lambda: dict.fromkeys(STAGES, 0.0))
    detect: float | None = None
    check_interrupt: Callable[[], None] = lambda: None

    def try_plan(self, plan: Plan) -> None:
        """Generate and try the pack of one plan; raise when enough is known."""
        lanes = self._lanes()
        long: Sequence[int] = LONG[:2] if self.packs == 0 else (LONG[(self.packs + 1) % len(LONG)],)
        started = time.perf_counter()
        fits = lanes > len(long) or self.packs % ALONE_LONG == ALONE_LONG - 1
        long = long[-lanes:] if fits else ()
        pack = build(self.view, self.clock, plan, lanes, long, hints=self.hints)
        if self.trusting >= TRUSTING:
            pack = replace(pack, lags={})
        self.incidents += incidents_of(self.view, self.clock, pack)
        self.spent["generate"] += time.perf_counter() - started
        trial = run_trial(self.view, pack)
        self._count(trial)
        if trial.divergences:
            self._look_into(pack, trial)
        self.histories += lanes
        self.packs += 1
        self.progress(self.histories, self.budget.histories)
        self.check_interrupt()
        if self.histories >= self.stop_at:
            raise _EnoughFound

    def _lanes(self) -> int:
        if not self.view.laned:
            return 1
        usual = PACKS[self.packs] if self.packs < len(PACKS) else PACK
        return min(usual, self.stop_at - self.histories)

    def _count(self, trial: Trial) -> None:
        for name, tally in trial.tallies.items():
            self.tallies[name] = self.tallies.get(name, Tally()) + tally
        self.mutated |= trial.mutated
        self.spent["batch"] += trial.batch.seconds
        self.spent["online"] += trial.online.seconds

    def _look_into(self, pack: Pack, trial: Trial) -> None:
        fresh = [
            suspect
            for suspect in suspects_of(self.view, pack, trial, self.histories, SUSPECTS)
            if suspect.group not in self.suspects
        ]
        kept, dropped = confirmed(self.view, pack, trial, fresh)
        self.unconfirmed += dropped
        if dropped and any(suspect.draft.lag is not None for suspect in fresh):
            self.trusting += 1
        for suspect in kept:
            self.suspects.setdefault(suspect.group, suspect)
        if kept and self.detect is None:
            self.detect = time.process_time() - self.began_cpu
            hangs = any(suspect.group[1] == "timeout" for suspect in kept)
            self.stop_at = min(self.stop_at, self.histories + (0 if hangs else MORE))

    def run(self) -> None:
        """Let Hypothesis draw plans until the budget is spent or enough is found."""
        self.stop_at = self.budget.histories

        @seed(self.budget.seed)
        @settings(
            max_examples=max(1, self.budget.histories),
            database=None,
            deadline=None,
            derandomize=False,
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        )
        @given(plans(self.view))
        def draw(plan: Plan) -> None:
            self.try_plan(plan)

        with contextlib.suppress(_EnoughFound), remembered_interrupt() as self.check_interrupt:
            draw()


def search(
    view: FeatureView,
    scenario: str,
    budget: Budget,
    kept: Sequence[tuple[str, History]] = (),
    rejected: Sequence[tuple[str, str]] = (),
    progress: Progress = nothing_shown,
) -> Outcome:
    """Run a view under one scenario: kept counterexamples first, then generated histories.

    Args:
        view: what to run.
        scenario: the delivery scenario.
        budget: how many histories to generate, from which seed.
        kept: counterexamples of the corpus, by file.
        rejected: files of the corpus that could not be used, with the reason.
        progress: called with the histories done and planned after each pack.
    """
    hints = hints_of(view)
    run = Search(view, scenario, budget, progress, Clock.of(view, hints), hints)
    missing = [side for side in ("batch", "online") if getattr(view, side) is None]
    if missing:
        return _outcome(run, [_not_given(view, scenario, side) for side in missing], rejected)
    replayed = _replayed(run, kept)
    run.run()
    return _outcome(run, [*replayed.values(), *_minimised(run, replayed)], rejected)


def _replayed(run: Search, kept: Sequence[tuple[str, History]]) -> dict[Group, Finding]:
    """Return the kept counterexamples that still diverge; they are small already."""
    findings: dict[Group, Finding] = {}
    for path, history in kept:
        draft = draft_of(run.view, history)
        run.replayed += 1
        for group in judge(run.view, [draft])[0]:
            if group not in findings:
                found = finding_of(run.view, run.scenario, Suspect(group, draft, 0), 0.0)
                findings[group] = replace(found, corpus=path, replayed=True)
    if findings:
        run.detect = time.process_time() - run.began_cpu
    return findings


def _minimised(run: Search, known: Container[Group]) -> list[Finding]:
    """Return the confirmed suspects as findings, without those that kept files show already."""
    started = time.perf_counter()
    findings = [
        finding_of(run.view, run.scenario, suspect, MINIMISE_SECONDS)
        for suspect in list(run.suspects.values())[:FINDINGS]
        if suspect.group not in known
    ]
    run.spent["minimise"] += time.perf_counter() - started
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


def _outcome(
    run: Search, findings: Sequence[Finding], rejected: Sequence[tuple[str, str]]
) -> Outcome:
    untested = [name for name in run.view.features if not run.tallies.get(name, Tally()).compared]
    return Outcome(
        view=run.view,
        scenario=run.scenario,
        seed=run.budget.seed,
        histories=run.histories + run.replayed,
        planned=run.budget.histories,
        findings=tuple(findings),
        untested=() if findings else tuple(untested),
        tallies=dict(run.tallies),
        incidents=dict(run.incidents),
        mutated=tuple(sorted(run.mutated)),
        rejected=tuple(rejected),
        unkept=(),
        unconfirmed=run.unconfirmed,
        seconds=Seconds(
            total=time.perf_counter() - run.began,
            cpu=time.process_time() - run.began_cpu,
            generate=run.spent["generate"],
            batch=run.spent["batch"],
            online=run.spent["online"],
            minimise=run.spent["minimise"],
            detect=run.detect,
        ),
    )
