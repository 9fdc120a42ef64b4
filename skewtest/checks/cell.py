"""A cell of the matrix: batch under one set of versions, online under another, same histories."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import lru_cache, partial
from typing import Any

from skewtest.checks.culprits import find_culprits
from skewtest.checks.opinions import ask_reference
from skewtest.checks.parity import search
from skewtest.checks.under_scenario import KeptHistories
from skewtest.compare.floats import ulps_between
from skewtest.compare.tables import Divergence, compare
from skewtest.declare.delivery import IN_ORDER
from skewtest.declare.view import FeatureView
from skewtest.drive.guard import TimeLimitExceeded
from skewtest.environments.build import BuiltEnvironment, build_environment
from skewtest.environments.cells import Cell
from skewtest.environments.locks import Tell, quiet
from skewtest.environments.runtime import Runtime
from skewtest.generate.history import Pack
from skewtest.results.finding import UNKNOWN, Finding
from skewtest.results.outcome import Outcome
from skewtest.results.values import (
    Attribution,
    EnvironmentAnswer,
    SideName,
    Versions,
    name_blame,
)
from skewtest.run.budget import Budget
from skewtest.run.isolation import batch_answers
from skewtest.run.progress import SILENT, Progress
from skewtest.sides.answers import Answers, Failure, ProcessDiedError
from skewtest.sides.binding import answer_online, side_of
from skewtest.sides.process import RemoteError, worker_of
from skewtest.worker.telling import cpu_features

CAUSE = "library.version"
# The worker starts before it answers, and a busy machine takes its time for that.
SECONDS = 30
NONDETERMINISTIC = "nondeterministic"
SIDES: tuple[SideName, ...] = ("batch", "online")


@dataclass(frozen=True, slots=True)
class Placed:
    """The environments of a cell, built."""

    batch: BuiltEnvironment
    online: BuiltEnvironment

    @property
    def name(self) -> str:
        """What the cell is called."""
        return f"{self.batch.environment.name}~{self.online.environment.name}"

    def view(self, view: FeatureView) -> FeatureView:
        """Return a view whose sides run in them."""
        return in_environments(view, self.batch, self.online)

    @property
    def versions(self) -> tuple[Versions, Versions]:
        """What they hold."""
        return versions_of(self.batch), versions_of(self.online)


def versions_of(built: BuiltEnvironment) -> Versions:
    """Return an environment as a report has it, with what else numbers depend on."""
    name = built.environment.name
    if built.environment.is_here:
        return Versions(name, built.versions, tuple(cpu_features()))
    # Workers compute on one thread: sums do not depend on how many cores share them.
    return Versions(name, built.versions, _cpu_of(built.runtime()), threads=1)


@lru_cache(maxsize=64)
def _cpu_of(runtime: Runtime) -> tuple[str, ...]:
    try:
        reply = worker_of(runtime).ask({"do": "cpu"}, seconds=SECONDS)
    except (ProcessDiedError, RemoteError, TimeLimitExceeded):
        return ()
    return tuple(reply["cpu"])


def in_environments(
    view: FeatureView, batch: BuiltEnvironment, online: BuiltEnvironment
) -> FeatureView:
    """Return a view whose sides run in two environments; what runs here stays in this process."""
    changes: dict[str, Any] = {}
    if not batch.environment.is_here:
        changes["batch"] = side_of(view, "batch").at(batch.runtime())
    if not online.environment.is_here:
        changes["online"] = side_of(view, "online").at(online.runtime())
    return view.replaced(**changes)


def prepare_cell(view: FeatureView, cell: Cell, tell: Tell = quiet) -> Placed:
    """Build the environments of a cell and import both sides there.

    Raises:
        EnvironmentFailedError: one of them cannot be had.
        CannotLoadError: a side cannot be imported in its environment.
        NoAddressError: a side cannot be found by another interpreter.
    """
    with ThreadPoolExecutor(2) as pool:
        batch, online = pool.map(
            lambda environment: build_environment(environment, tell), (cell.batch, cell.online)
        )
    placed = Placed(batch, online)
    # What is still to be fitted has nothing to import: it crosses once it is there.
    if view.batch is not None and view.online is not None and view.fitted is None:
        load_remote_sides(placed.view(view))
    return placed


def load_remote_sides(view: FeatureView) -> None:
    """Import what a view runs elsewhere.

    Raises:
        CannotLoadError: a side cannot be imported in its environment.
    """
    for side in (view.batch, view.online):
        load = getattr(side, "load", None)
        if callable(load):
            load()


def run_cell(
    view: FeatureView,
    placed: Placed,
    budget: Budget,
    kept: KeptHistories = (),
    progress: Progress = SILENT,
    tell: Tell = quiet,
    scenarios: Sequence[str] = (IN_ORDER,),
) -> tuple[Outcome, ...]:
    """Check a view in a cell, and say of each finding whether versions or logic are to blame.

    Args:
        view: the view.
        placed: the environments of the cell, with both sides.
        budget: how much to run.
        kept: counterexamples of the corpus, with their file.
        progress: is told how far the check is.
        tell: is told of what is built to find the package to blame.
        scenarios: under which deliveries; RELATIONS among them for the laws of each side there.
    """
    outcomes = search(view, scenarios, budget, kept, progress=progress, placed=placed.view)
    attributed = []
    for outcome in outcomes:
        findings = tuple(_attribute(view, placed, finding, tell) for finding in outcome.findings)
        attributed.append(replace(outcome, findings=findings, cell=placed.versions))
    return tuple(attributed)


def _attribute(view: FeatureView, placed: Placed, finding: Finding, tell: Tell) -> Finding:
    """Return a finding with what the four runs of its counterexample say."""
    example = finding.counterexample
    # A law is broken by one side in its own environment: there is no other to hold it against.
    if example is None or finding.relation or finding.kind in (NONDETERMINISTIC, "timeout"):
        return finding
    # The counterexample is of the fitted view, which is another one than the view given here.
    if view.fitted is not None:
        return finding
    attribution = attribute_to_sides(view, placed, example.history.pack(), finding, tell)
    cause = finding.cause
    # Where logic differs as well, a cause that is known already says more than the versions do.
    if attribution.is_by_version and (not attribution.logic_differs or cause == UNKNOWN):
        cause = CAUSE
    return replace(finding, attribution=attribution, cause=cause)


@dataclass(frozen=True, slots=True)
class FourRuns:
    """Both sides of a view under both environments of a cell, on one history.

    Attributes:
        view: the view, wherever its sides run.
        pack: the history.
        feature: whose differences count; "" for all.
        answers: by side and name of the environment.
    """

    view: FeatureView
    pack: Pack
    feature: str
    answers: dict[tuple[SideName, str], Answers]

    def differ(self, left: tuple[SideName, str], right: tuple[SideName, str]) -> bool:
        """Return whether two of the runs differ, each told as side and environment."""
        ends = self.answers[left], self.answers[right]
        return bool(differences_on(self.view, *ends, self.feature))

    def does_as(self, side: SideName, flipped: BuiltEnvironment, target: BuiltEnvironment) -> bool:
        """Return whether a side answers in an environment as it did in one of the two."""
        answers = answers_in(self.view, flipped, side, self.pack)
        expected = self.answers[side, target.environment.name]
        return not differences_on(self.view, answers, expected, self.feature)


def attribute_to_sides(
    view: FeatureView, placed: Placed, pack: Pack, finding: Finding, tell: Tell
) -> Attribution:
    """Run both sides under both environments on one history, and say whose doing a finding is."""
    train, serve = placed.batch.environment.name, placed.online.environment.name
    answers: dict[tuple[SideName, str], Answers] = {}
    for built in (placed.batch, placed.online):
        for side in SIDES:
            answers[side, built.environment.name] = answers_in(view, built, side, pack)
    runs = FourRuns(view, pack, finding.divergence.feature, answers)
    batch = runs.differ(("batch", train), ("batch", serve))
    online = runs.differ(("online", train), ("online", serve))
    # Under the versions that serve, both sides run the same libraries: what differs is logic.
    logic = runs.differ(("batch", serve), ("online", serve))
    culprits: tuple[str, ...] = ()
    tried = 0
    if batch or online:
        blamed: SideName = "batch" if batch else "online"
        does_as = partial(runs.does_as, blamed)
        culprits, tried = find_culprits(placed.batch, placed.online, does_as, tell, explain=True)
    return Attribution(
        verdict=name_blame(version=batch or online, logic=logic),
        batch_differs=batch,
        online_differs=online,
        logic_differs=logic,
        culprits=culprits,
        tried=tried,
        answers=_answers_on_row(runs, finding),
    )


def answers_in(view: FeatureView, environment: BuiltEnvironment, side: str, pack: Pack) -> Answers:
    """Return what one side of a view answers in an environment.

    Raises:
        CannotLoadError: it cannot be imported there.
    """
    moved = in_environments(view, environment, environment)
    if side == "batch":
        return batch_answers(moved, pack)
    return answer_online(moved, pack)


def differences_on(
    view: FeatureView, left: Answers, right: Answers, feature: str
) -> list[Divergence]:
    """Return where two sets of answers differ on a feature ("": on any); to fail alike is alike."""
    divergences = compare(view, left, right).divergences
    return [divergence for divergence in divergences if is_told_apart(divergence, feature)]


def is_told_apart(divergence: Divergence, feature: str) -> bool:
    """Return whether a divergence concerns a feature ("": any), and is not to fail alike."""
    concerns = not feature or divergence.feature in ("", feature)
    return concerns and not _fail_alike(divergence.left, divergence.right)


def _fail_alike(left: object, right: object) -> bool:
    if not isinstance(left, Failure) or not isinstance(right, Failure):
        return False
    # All but the side: it is the same failure wherever it happens.
    return left.signature[1:] == right.signature[1:]


def _value_at(finding: Finding, answers: Answers) -> Any:
    """Return what was answered on the diverging row."""
    row, feature = finding.divergence.row, finding.divergence.feature
    if row in answers.failures:
        return answers.failures[row]
    if row < 0:
        return None
    if not feature:
        return answers.row(row)
    return answers.values[feature][row]


def _answers_on_row(runs: FourRuns, finding: Finding) -> tuple[EnvironmentAnswer, ...]:
    """Return what was answered on the diverging row, and how far off the reference that is."""
    exact = _ask_reference(runs.view, runs.pack, finding)
    on_row = []
    for (side, environment), answers in runs.answers.items():
        value = _value_at(finding, answers)
        ulps = None
        if exact is not None and isinstance(value, int | float):
            ulps = ulps_between(float(value), exact)
        on_row.append(
            EnvironmentAnswer(side=side, environment=environment, value=value, ulps_off=ulps)
        )
    return tuple(on_row)


def _ask_reference(view: FeatureView, pack: Pack, finding: Finding) -> float | None:
    """Return what the reference says of the diverging row; None where it is no number."""
    row, feature = finding.divergence.row, finding.divergence.feature
    if row < 0 or not feature:
        return None
    answers = ask_reference(view, pack)
    if isinstance(answers, Failure) or row in answers.failures:
        return None
    value = answers.values[feature][row]
    return float(value) if isinstance(value, int | float) else None
