"""Version to version, same code: which environments answer alike, and which version parts them."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, NamedTuple

from skewtest import run
from skewtest.checks.cell import (
    SIDES,
    answers_in,
    differences_on,
    in_environments,
    is_told_apart,
    load_remote_sides,
    versions_of,
)
from skewtest.checks.thresholds import find_thresholds
from skewtest.declare.view import FeatureView
from skewtest.environments.build import BuiltEnvironment, build_environment
from skewtest.environments.cells import Cell
from skewtest.environments.failures import EnvironmentFailedError
from skewtest.environments.locks import Tell, quiet
from skewtest.environments.settings import here
from skewtest.errors import SkewtestError
from skewtest.generate.hints import hints_of
from skewtest.generate.history import LANE, Pack
from skewtest.results.finding import Counterexample
from skewtest.results.outcome import Outcome, Spread
from skewtest.results.pair import Pair
from skewtest.results.values import Parting, Seconds, SideName, Versions
from skewtest.run.draft import draft_of, history_of_draft, pack_drafts
from skewtest.run.effort import VERSIONS as VERSIONS_EFFORT
from skewtest.run.experiment import Asked, Experiment, NotApplicable, Trial
from skewtest.run.fitted import draw_training_pack, fit_view
from skewtest.run.judge import judge
from skewtest.sides.answers import Answers, Failure
from skewtest.sides.elsewhere import CannotLoadError

# So many packs are enough: what versions do otherwise they do on most histories, and each pack
# crosses into every environment.
PACKS = 4
VERSIONS = "versions"


@dataclass(frozen=True, slots=True)
class Alike:
    """Environments that answer alike; the first one stands for all.

    `answers` are those of the first, one for each pack.
    """

    members: tuple[BuiltEnvironment, ...]
    answers: tuple[Answers, ...]


def check_spread(
    view: FeatureView, cells: Sequence[Cell], seed: int, tell: Tell = quiet
) -> Outcome:
    """Run each side of a view in every environment of its cells, on the same histories.

    Args:
        view: the view.
        cells: those of the view.
        seed: of the histories.
        tell: is told of what is built.
    """
    began = time.perf_counter()
    hints = hints_of(view)
    fitted = fit_view(view, hints, seed)
    # That fitting fails is a finding of the view's own check: it is not told twice.
    if isinstance(fitted, Failure):
        return _make_outcome(view, Spread((), {}, ()), seed, 0, began)
    packs = [draw_training_pack(fitted, hints, seed + number) for number in range(PACKS)]
    environments, failed = _build_environments(fitted, cells, tell)
    partings: list[Parting[Any]] = []
    examples: dict[tuple[str, str], Counterexample] = {}
    for side in SIDES:
        partings += _find_partings(fitted, side, environments, packs, examples)
    versions = tuple(versions_of(environment) for environment in environments)
    spread = Spread(versions, failed, tuple(partings), examples)
    histories = sum(pack.lanes for pack in packs)
    return _make_outcome(view, spread, seed, histories, began)


def _make_outcome(
    view: FeatureView, spread: Spread, seed: int, histories: int, began: float
) -> Outcome:
    return Outcome(
        subject=view,
        scenario=VERSIONS,
        seed=seed,
        histories=histories,
        planned=histories,
        seconds=Seconds(total=time.perf_counter() - began),
        gates=False,
        spread=spread,
    )


def _build_environments(
    view: FeatureView, cells: Sequence[Cell], tell: Tell
) -> tuple[list[BuiltEnvironment], dict[str, str]]:
    """Return the environments that can be had, "here" among them, and why the others cannot."""
    declared = {here().name: here()}
    for cell in cells:
        for environment in (cell.batch, cell.online):
            declared[environment.name] = environment
    environments: list[BuiltEnvironment] = []
    failed: dict[str, str] = {}
    for name, environment in declared.items():
        try:
            built = build_environment(environment, tell)
            # A side that cannot be imported would fail at every pack, and say so each time.
            load_remote_sides(in_environments(view, built, built))
        except EnvironmentFailedError as error:
            failed[name] = error.kind
        except CannotLoadError:
            failed[name] = CannotLoadError.kind
        except SkewtestError as error:
            failed[name] = str(error)
        else:
            environments.append(built)
    return environments, failed


def _find_partings(
    view: FeatureView,
    side: SideName,
    environments: Sequence[BuiltEnvironment],
    packs: Sequence[Pack],
    examples: dict[tuple[str, str], Counterexample],
) -> list[Parting[Any]]:
    """Return, for each feature that some environments answer otherwise, what parts them.

    Histories that show it are added to `examples`, by side and feature.
    """
    answers: dict[str, tuple[Answers, ...]] = {}
    for environment in environments:
        name = environment.environment.name
        answers[name] = tuple(answers_in(view, environment, side, pack) for pack in packs)
    partings = []
    for feature in view.features:
        groups = _group_alike(view, feature, environments, answers)
        if len(groups) > 1:
            example = _find_example(view, side, feature, groups, packs)
            if example is not None:
                examples[side, feature] = example.counterexample
            partings.append(_describe_parting(side, feature, groups, example))
    return partings


def _group_alike(
    view: FeatureView,
    feature: str,
    environments: Sequence[BuiltEnvironment],
    answers: Mapping[str, tuple[Answers, ...]],
) -> list[Alike]:
    """Return environments by what they answer for a feature."""
    groups: list[Alike] = []
    for environment in environments:
        answers_there = answers[environment.environment.name]
        for number, group in enumerate(groups):
            if are_alike(view, feature, group.answers, answers_there):
                groups[number] = replace(group, members=(*group.members, environment))
                break
        else:
            groups.append(Alike((environment,), answers_there))
    return groups


def are_alike(
    view: FeatureView, feature: str, left: Sequence[Answers], right: Sequence[Answers]
) -> bool:
    """Return whether two sets of answers, one a pack, nowhere differ on a feature."""
    for left_answers, right_answers in zip(left, right, strict=True):
        if differences_on(view, left_answers, right_answers, feature):
            return False
    return True


class Example(NamedTuple):
    """A history on which two groups of environments differ, and what each answers."""

    counterexample: Counterexample
    values: tuple[Any, Any]


def _describe_parting(
    side: SideName, feature: str, groups: Sequence[Alike], example: Example | None
) -> Parting[Any]:
    """Return what parts environments: the groups, and the versions that explain them."""
    names: list[tuple[str, ...]] = []
    versions: list[list[Versions]] = []
    for group in groups:
        versions_of_group = list(map(versions_of, group.members))
        versions.append(versions_of_group)
        names.append(tuple(environment.name for environment in versions_of_group))
    values: tuple[Any, ...] = ()
    events = None
    if example is not None:
        values, events = example.values, example.counterexample.events.height
    return Parting(
        side=side,
        feature=feature,
        groups=tuple(names),
        thresholds=find_thresholds(versions),
        values=values,
        events=events,
    )


def _find_example(
    view: FeatureView, side: str, feature: str, groups: Sequence[Alike], packs: Sequence[Pack]
) -> Example | None:
    """Return the smallest history on which the first two groups differ, and what each answers.

    None where no history shows it by itself.
    """
    left, right = groups[0], groups[1]
    experiment = _make_experiment(left.members[0], right.members[0], side, feature)
    for pack, *pair in zip(packs, left.answers, right.answers, strict=True):
        differences = differences_on(view, pair[0], pair[1], feature)
        # A row that nobody asked for belongs to no lane.
        rows = [divergence.row for divergence in differences if divergence.row >= 0]
        if not rows:
            continue
        lane = pack.spine[LANE][rows[0]]
        draft = replace(draft_of(view, pack.history(lane)), lag=None)
        standing = judge(view, [draft], experiment=experiment)[0].standing
        if not standing:
            continue
        group, divergence = next(iter(standing.items()))
        draft = run.minimise.minimise(
            view, draft, group, VERSIONS_EFFORT.effort(), experiment=experiment
        )
        for candidate in experiment.diverge(view, pack_drafts(view, [draft])).get(0, []):
            if candidate.group == group:
                divergence = candidate
                break
        counterexample = Counterexample(view, history_of_draft(view, draft))
        return Example(counterexample, (divergence.left, divergence.right))
    return None


@dataclass(frozen=True, slots=True)
class AcrossEnvironments(Experiment):
    """One side of a view in one environment, against the same side in another.

    Attributes:
        feature: whose divergences count.
    """

    feature: str = ""

    def run(
        self, view: FeatureView, pack: Pack, left: Answers | None = None
    ) -> Trial | NotApplicable:
        """Return, by lane, where the environments differ; to fail alike is to answer alike."""
        trial = Experiment.run(self, view, pack, left)
        if isinstance(trial, NotApplicable):
            return trial
        by_lane = {}
        for lane, divergences in trial.divergences.items():
            # Rows that nobody asked for have no answer to be put side by side.
            told_apart = [
                divergence
                for divergence in divergences
                if divergence.row >= 0 and is_told_apart(divergence, self.feature)
            ]
            if told_apart:
                by_lane[lane] = told_apart
        return replace(trial, divergences=by_lane)


def _make_experiment(
    left: BuiltEnvironment, right: BuiltEnvironment, side: str, feature: str
) -> AcrossEnvironments:
    pair = Pair(left.environment.name, right.environment.name)
    return AcrossEnvironments(
        pair,
        left=partial(_ask_in, left, side),
        right=partial(_ask_in, right, side),
        is_parity=True,
        feature=feature,
    )


def _ask_in(
    environment: BuiltEnvironment, side: str, view: FeatureView, pack: Pack, _left: Answers | None
) -> Asked:
    return Asked(answers_in(view, environment, side, pack))
