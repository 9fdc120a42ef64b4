"""Version to version, same code: which environments answer alike, and which version parts them."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import pairwise
from typing import Any, NamedTuple

from packaging.version import InvalidVersion, Version

from skewtest.checks.cell import (
    differences_on,
    in_environments,
    is_told_apart,
    versions_of,
)
from skewtest.compare.tables import Divergence
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
from skewtest.run.experiment import Asked, Experiment
from skewtest.run.fitted import draw_training_pack, fit_view
from skewtest.run.isolation import batch_answers
from skewtest.run.judge import judge
from skewtest.run.minimise import minimise
from skewtest.sides.answers import Answers, Failure
from skewtest.sides.binding import answer_online
from skewtest.sides.elsewhere import CannotLoadError

PACKS = 4
SIDES: tuple[SideName, ...] = ("batch", "online")
VERSIONS = "versions"


@dataclass(frozen=True, slots=True)
class Alike:
    """Environments that answer alike; the first one stands for all.

    `answers` are those of the first, one for each pack.
    """

    members: tuple[BuiltEnvironment, ...]
    answers: tuple[Answers, ...]


def spread(view: FeatureView, cells: Sequence[Cell], seed: int, tell: Tell = quiet) -> Outcome:
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
    if isinstance(fitted, Failure):
        return _outcome(view, Spread((), {}, ()), seed, 0, began)
    packs = [draw_training_pack(fitted, hints, seed + number) for number in range(PACKS)]
    environments, failed = _built(fitted, cells, tell)
    partings = []
    examples: dict[tuple[str, str], Counterexample] = {}
    for side in SIDES:
        answers = {
            one.environment.name: tuple(answers_of(fitted, one, side, pack) for pack in packs)
            for one in environments
        }
        for feature in fitted.features:
            groups = _groups(fitted, feature, environments, answers)
            if len(groups) > 1:
                example = _example(fitted, side, feature, groups, packs)
                values = () if example is None else example.values
                events = None if example is None else example.counterexample.events.height
                if example is not None:
                    examples[side, feature] = example.counterexample
                partings.append(_parting(side, feature, groups, values, events))
    there = tuple(versions_of(environment) for environment in environments)
    histories = sum(pack.lanes for pack in packs)
    return _outcome(view, Spread(there, failed, tuple(partings), examples), seed, histories, began)


def _outcome(view: FeatureView, spread: Spread, seed: int, histories: int, began: float) -> Outcome:
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


def _built(
    view: FeatureView, cells: Sequence[Cell], tell: Tell
) -> tuple[list[BuiltEnvironment], dict[str, str]]:
    """Return the environments that can be had, "here" among them, and why the others cannot."""
    wanted = {one.name: one for cell in cells for one in (cell.batch, cell.online)}
    wanted = {here().name: here(), **wanted}
    found: list[BuiltEnvironment] = []
    failed: dict[str, str] = {}
    for name, environment in wanted.items():
        try:
            one = build_environment(environment, tell)
            there = in_environments(view, one, one)
            for side in (there.batch, there.online):
                load = getattr(side, "load", None)
                if load is not None:
                    load()
        except EnvironmentFailedError as error:
            failed[name] = error.kind
        except CannotLoadError:
            failed[name] = CannotLoadError.kind
        except SkewtestError as error:
            failed[name] = str(error)
        else:
            found.append(one)
    return found, failed


def answers_of(view: FeatureView, one: BuiltEnvironment, side: str, pack: Pack) -> Answers:
    """Return what one side of a view answers in an environment.

    Raises:
        CannotLoadError: it cannot be imported there.
    """
    there = in_environments(view, one, one)
    if side == "batch":
        return batch_answers(there, pack)
    return answer_online(there, pack)


def _groups(
    view: FeatureView,
    feature: str,
    environments: Sequence[BuiltEnvironment],
    answers: Mapping[str, tuple[Answers, ...]],
) -> list[Alike]:
    """Return environments by what they answer for a feature."""
    groups: list[Alike] = []
    for one in environments:
        own = answers[one.environment.name]
        for place, group in enumerate(groups):
            pairs = zip(group.answers, own, strict=True)
            if not any(differences_on(view, left, right, feature) for left, right in pairs):
                groups[place] = replace(group, members=(*group.members, one))
                break
        else:
            groups.append(Alike((one,), own))
    return groups


def _parting(
    side: SideName,
    feature: str,
    groups: Sequence[Alike],
    values: tuple[Any, ...],
    events: int | None,
) -> Parting[Any]:
    """Return what parts environments: the groups, and the versions that explain them."""
    names = []
    versions = []
    for group in groups:
        names.append(tuple(member.environment.name for member in group.members))
        versions.append([versions_of(member) for member in group.members])
    return Parting(
        side=side,
        feature=feature,
        groups=tuple(names),
        thresholds=thresholds(versions),
        values=values,
        events=events,
    )


class Example(NamedTuple):
    """A history on which two groups of environments differ, and what each answers."""

    counterexample: Counterexample
    values: tuple[Any, Any]


def _example(
    view: FeatureView, side: str, feature: str, groups: Sequence[Alike], packs: Sequence[Pack]
) -> Example | None:
    """Return the smallest history on which the first two groups differ, and what each answers."""
    one, other = groups[0], groups[1]
    experiment = _experiment(one.members[0], other.members[0], side, feature)
    for place, pack in enumerate(packs):
        found = differences_on(view, one.answers[place], other.answers[place], feature)
        rows = [divergence.row for divergence in found if divergence.row >= 0]
        if not rows:
            continue
        lanes = pack.spine[LANE].to_list()
        draft = replace(draft_of(view, pack.history(lanes[rows[0]])), lag=None)
        standing = judge(view, [draft], experiment=experiment)[0]
        if not standing:
            continue
        group = next(iter(standing))
        draft = minimise(view, draft, group, VERSIONS_EFFORT.effort(), experiment=experiment)
        found = list(experiment.diverge(view, pack_drafts(view, [draft])).get(0, []))
        shown = [divergence for divergence in found if divergence.group == group]
        divergence = shown[0] if shown else standing[group]
        history = history_of_draft(view, draft)
        return Example(Counterexample(view, history), (divergence.left, divergence.right))
    return None


@dataclass(frozen=True, slots=True)
class AcrossEnvironments(Experiment):
    """One side of a view in one environment, against the same side in another.

    Attributes:
        feature: whose divergences count.
    """

    feature: str = ""

    def diverge(
        self, view: FeatureView, pack: Pack, left: Answers | None = None
    ) -> Mapping[int, list[Divergence]]:
        """Return, by lane, where the environments differ; to fail alike is to answer alike."""
        by_lane = Experiment.diverge(self, view, pack, left)
        kept = {}
        for lane, divergences in by_lane.items():
            differing = [d for d in divergences if is_told_apart(d, self.feature) and d.row >= 0]
            if differing:
                kept[lane] = differing
        return kept


def _experiment(
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
    place: BuiltEnvironment, side: str, view: FeatureView, pack: Pack, _left: Answers | None
) -> Asked:
    return Asked(answers_of(view, place, side, pack))


def thresholds(groups: Sequence[Sequence[Versions]]) -> tuple[str, ...]:
    """Return the packages whose versions part the groups, as `pandas: <= 1.5.3 | >= 2.0.0`.

    A package explains the groups if, in order of its version, no group is torn apart.
    """
    names = set.intersection(*(set(one.packages) for group in groups for one in group))
    found = []
    for name in sorted(names):
        spans = _spans(name, groups)
        if spans is not None:
            parts = [
                _span_text(place, len(spans), low, high) for place, (low, high) in enumerate(spans)
            ]
            found.append(f"{name} {' | '.join(parts)}")
    return tuple(found)


def _spans(name: str, groups: Sequence[Sequence[Versions]]) -> list[tuple[Version, Version]] | None:
    """Return the lowest and highest version of each group, ascending; None where they overlap."""
    try:
        held = [[Version(one.packages[name]) for one in group] for group in groups]
    except InvalidVersion:
        return None
    spans = sorted((min(versions), max(versions)) for versions in held)
    for (_, high), (low, _) in pairwise(spans):
        if high >= low:
            return None
    return spans


def _span_text(place: int, of: int, low: Version, high: Version) -> str:
    if place == 0:
        return f"<= {high}"
    if place == of - 1:
        return f">= {low}"
    return f"{low} to {high}" if low != high else f"{low}"
