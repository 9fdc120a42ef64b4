"""A cell of the matrix: batch under one set of versions, online under another, same histories."""

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

from skewtest.checks.culprits import find_culprits
from skewtest.checks.parity import search
from skewtest.checks.under_scenario import KeptHistories
from skewtest.compare.floats import ulps_between
from skewtest.compare.tables import Divergence, compare
from skewtest.declare.delivery import IN_ORDER
from skewtest.declare.view import AS_OF, FeatureView
from skewtest.deliver.operations import event_dicts
from skewtest.drive.guard import TimeLimitExceeded
from skewtest.environments.build import BuiltEnvironment, build_environment
from skewtest.environments.cells import Cell
from skewtest.environments.locks import Tell, quiet
from skewtest.environments.runtime import Runtime
from skewtest.generate.history import SEQUENCE, Pack
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
from skewtest.times import instant, instants_of
from skewtest.worker.telling import cpu_features

CAUSE = "library.version"
SECONDS = 30
NONDETERMINISTIC = "nondeterministic"


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


def versions_of(one: BuiltEnvironment) -> Versions:
    """Return an environment as a report has it, with what else numbers depend on."""
    if one.environment.is_here:
        return Versions(one.environment.name, one.versions, tuple(cpu_features()))
    return Versions(one.environment.name, one.versions, _cpu_of(one.runtime()), threads=1)


@lru_cache(maxsize=64)
def _cpu_of(runtime: Runtime) -> tuple[str, ...]:
    try:
        found = worker_of(runtime).ask({"do": "cpu"}, seconds=SECONDS)
    except (ProcessDiedError, RemoteError, TimeLimitExceeded):
        return ()
    return tuple(found["cpu"])


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


def prepared(view: FeatureView, cell: Cell, tell: Tell = quiet) -> Placed:
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
    if view.batch is not None and view.online is not None and view.fitted is None:
        for side in _remote_sides(placed.view(view)):
            side.load()
    return placed


def _remote_sides(view: FeatureView) -> list[Any]:
    """Return what a view runs elsewhere."""
    sides = (view.batch, view.online)
    return [side for side in sides if callable(getattr(side, "load", None))]


def run_cell(
    view: FeatureView,
    placed: Placed,
    budget: Budget,
    kept: KeptHistories = (),
    rejected: Sequence[tuple[str, str]] = (),
    progress: Progress = SILENT,
    tell: Tell = quiet,
) -> Outcome:
    """Check a view in a cell, and say of each finding whether versions or logic are to blame."""
    (outcome,) = search(
        view, [IN_ORDER], budget, kept, rejected, progress=progress, placed=placed.view
    )
    findings = tuple(_attributed(view, placed, finding, tell) for finding in outcome.findings)
    return replace(outcome, findings=findings, cell=placed.versions)


def _attributed(view: FeatureView, placed: Placed, finding: Finding, tell: Tell) -> Finding:
    """Return a finding with what the four runs of its counterexample say."""
    example = finding.counterexample
    if example is None or finding.kind in (NONDETERMINISTIC, "timeout"):
        return finding
    # A view that was fitted has been fitted by now: the counterexample holds the fitted one.
    pack = example.history.pack()
    origin = view if view.fitted is None else None
    if origin is None:
        return finding
    found = attribution(origin, placed, pack, finding, tell)
    cause = CAUSE if found.is_by_version and not found.logic_differs else finding.cause
    if found.is_by_version and found.logic_differs and cause == UNKNOWN:
        cause = CAUSE
    return replace(finding, attribution=found, cause=cause)


def attribution(
    view: FeatureView, placed: Placed, pack: Pack, finding: Finding, tell: Tell
) -> Attribution:
    """Run both sides under both environments on one history."""
    train, serve = placed.batch, placed.online
    answers: dict[tuple[SideName, str], Answers] = {}
    for one in (train, serve):
        both = in_environments(view, one, one)
        answers["batch", one.environment.name] = batch_answers(both, pack)
        answers["online", one.environment.name] = _online(both, pack)

    def differ(left: Answers, right: Answers) -> bool:
        return bool(differences_on(view, left, right, finding.divergence.feature))

    names = train.environment.name, serve.environment.name
    batch = differ(answers["batch", names[0]], answers["batch", names[1]])
    online = differ(answers["online", names[0]], answers["online", names[1]])
    logic = differ(answers["batch", names[1]], answers["online", names[1]])
    culprits: tuple[str, ...] = ()
    tried = 0
    if batch or online:
        side: SideName = "batch" if batch else "online"

        def does_as(flipped: BuiltEnvironment, target: BuiltEnvironment) -> bool:
            there = in_environments(view, flipped, flipped)
            found = batch_answers(there, pack) if side == "batch" else _online(there, pack)
            return not differ(found, answers[side, target.environment.name])

        culprits, tried = find_culprits(train, serve, does_as, tell, explain=True)
    return Attribution(
        verdict=name_blame(version=batch or online, logic=logic),
        batch_differs=batch,
        online_differs=online,
        logic_differs=logic,
        culprits=culprits,
        tried=tried,
        answers=_answers(view, pack, finding, answers),
    )


def _answers(
    view: FeatureView,
    pack: Pack,
    finding: Finding,
    answers: Mapping[tuple[SideName, str], Answers],
) -> tuple[EnvironmentAnswer, ...]:
    """Return what was answered on the diverging row, and how far off the reference that is."""
    exact = _exact(view, pack, finding)
    on_row = []
    for (side, environment), answered in answers.items():
        value = _said(answered, finding)
        ulps = None
        if exact is not None and isinstance(value, int | float):
            ulps = ulps_between(float(value), exact)
        on_row.append(
            EnvironmentAnswer(side=side, environment=environment, value=value, ulps_off=ulps)
        )
    return tuple(on_row)


def _online(view: FeatureView, pack: Pack) -> Answers:
    return answer_online(view, pack)


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
    return left.signature[1:] == right.signature[1:]


def _exact(view: FeatureView, pack: Pack, finding: Finding) -> float | None:
    """Return what the reference says of the diverging row; None where it says nothing."""
    row, feature = finding.divergence.row, finding.divergence.feature
    if view.reference is None or row < 0 or not feature:
        return None
    try:
        return float(view.reference(*counted(view, pack, row))[feature])
    except Exception:  # noqa: BLE001 - a third opinion that fails is none
        return None


def counted(view: FeatureView, pack: Pack, row: int) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """Return the events of a request's entity that count at its `as_of`, and the request."""
    request = event_dicts(view.spine_schema, pack.spine)[row]
    at = instant(request[AS_OF])
    found = []
    for name, source in view.sources.items():
        frame = pack.events[name]
        own = [column for column in view.entity if column in source.schema]
        moments = instants_of(frame[source.time]).to_list()
        orders = frame[SEQUENCE].to_list()
        events = event_dicts(source.schema, frame)
        for moment, order, event in zip(moments, orders, events, strict=True):
            counts = moment <= at if view.as_of == "inclusive" else moment < at
            if counts and all(event[column] == request[column] for column in own):
                found.append((moment, order, event))
    found.sort(key=lambda one: one[:2])
    return [event for _, _, event in found], request


def _said(found: Answers, finding: Finding) -> Any:
    """Return what was answered on the diverging row."""
    row, feature = finding.divergence.row, finding.divergence.feature
    if row in found.failures:
        return found.failures[row]
    if row < 0:
        return None
    return found.values[feature][row] if feature else found.row(row)
