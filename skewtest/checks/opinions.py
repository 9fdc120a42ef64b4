"""What a view's reference says of a finding: which side is off, and by how much."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from skewtest.compare.values import ToleranceError, difference, magnitude, nothing_of
from skewtest.declare.tolerance import Close
from skewtest.declare.view import FeatureView
from skewtest.generate.history import History, Pack
from skewtest.reference.side import NAME, reference_of
from skewtest.results.finding import Finding
from skewtest.results.pair import PARITY, Pair
from skewtest.results.values import Opinion, SideName, SideOpinion
from skewtest.run.draft import Draft, draft_of
from skewtest.run.experiment import ASK, Asked, Experiment, NotApplicable, Trial, run_trial
from skewtest.run.judge import judge
from skewtest.sides.answers import MISSING, Answers, Failure
from skewtest.sides.columns import MISSING_STATE
from skewtest.sides.side import Conditions

# What the agreement of both sides with the reference is called among the checks of an outcome.
LAW = "reference"
AGAINST_REFERENCE = "agree with the reference"


def ask_reference(view: FeatureView, pack: Pack) -> Answers | Failure:
    """Return what the reference of a view answers; where it has none, that is not given."""
    side = reference_of(view)
    if side is None:
        return Failure(NAME, "not_given")
    return side.answer(pack, Conditions.of(view, pack.scenario))


def _ask(view: FeatureView, pack: Pack, _left: Answers | None) -> Asked | NotApplicable:
    answers = ask_reference(view, pack)
    return NotApplicable(answers.code) if isinstance(answers, Failure) else Asked(answers)


def experiment_against(side: SideName) -> Experiment:
    """Return the experiment that holds a side against the reference."""
    return Experiment(Pair(side, NAME), ASK[side], _ask)


def view_as_told(view: FeatureView, answers: Answers) -> FeatureView | None:
    """Return a view with the features that a reference tells, None where it tells none.

    A row that a side leaves out has no value, which a reference calls null.
    """
    features = {}
    for name, tolerance in view.features.items():
        if not bool((answers.values[name].states == MISSING_STATE).all()):
            features[name] = tolerance
    if not features:
        return None
    equal = tuple({*view.equal, "null", "missing"})
    return view.replaced(features=features, equal=equal, reference=_within(view, features))


def _within(view: FeatureView, features: Mapping[str, Any]) -> Any:
    """Return the references of some features."""
    if not isinstance(view.reference, Mapping):
        return view.reference
    return {name: opinion for name, opinion in view.reference.items() if name in features}


def with_opinion(view: FeatureView, finding: Finding) -> Finding:
    """Return a finding with what the reference says of its counterexample.

    The side that is off alone is to blame, for certain.
    """
    if view.reference is None or not _can_be_asked_about(finding):
        return finding
    assert finding.counterexample is not None
    divergence = finding.divergence
    opinion = _opinion_of(view, finding.counterexample.history, divergence.row, divergence.feature)
    if opinion is None:
        return finding
    return replace(finding, opinion=opinion, side=finding.side or opinion.side_to_blame)


def _opinion_of(view: FeatureView, history: History, row: int, feature: str) -> Opinion | None:
    """Return what the reference says of a row; None where it has nothing to say."""
    answers = ask_reference(view, history.pack())
    if isinstance(answers, Failure):
        return Opinion(feature=feature, value=answers)
    if row in answers.failures:
        return Opinion(feature=feature, value=answers.failures[row])
    visible = view_as_told(view, answers)
    if visible is None:
        return None
    opinions = _opinions_on(visible, history, row, feature, answers)
    # Of a whole row that differs, the first feature on which a side is off says who is wrong.
    for opinion in opinions:
        if opinion.is_any_off:
            return opinion
    return opinions[0] if opinions else None


def _can_be_asked_about(finding: Finding) -> bool:
    """Return whether a finding is of a request, on which a reference has something to say."""
    is_of_sides = finding.pair in (PARITY, (PARITY.left, NAME)) and finding.kind != "timeout"
    return is_of_sides and finding.counterexample is not None and finding.divergence.row >= 0


def _opinions_on(
    visible: FeatureView, history: History, row: int, feature: str, exact: Answers
) -> list[Opinion]:
    """Return what is said of a feature on a row; of all features where that is ""."""
    trial = run_trial(visible, history.pack())
    draft = draft_of(visible, history)
    opinions = []
    for name in visible.features:
        value = exact.values[name][row]
        if feature in ("", name) and value is not MISSING:
            sides = tuple(_judge_sides(visible, draft, trial, row, name, value))
            opinions.append(Opinion(feature=name, value=value, sides=sides))
    return opinions


def _judge_sides(
    visible: FeatureView, draft: Draft, trial: Trial, row: int, feature: str, value: Any
) -> Iterator[SideOpinion]:
    """Yield how far each side is off the reference on a row."""
    ends: tuple[tuple[SideName, Answers], ...] = (("batch", trial.left), ("online", trial.right))
    for side, answers in ends:
        answer = answers.failures.get(row, answers.values[feature][row])
        yield _judge_side(visible, draft, side, feature, answer, value)


def _judge_side(
    visible: FeatureView, draft: Draft, side: SideName, feature: str, answer: Any, value: Any
) -> SideOpinion:
    """Return how far a side is off the reference; what is its own rounding is not off."""
    if isinstance(answer, Failure):
        return SideOpinion(side=side, value=answer, is_off=True)
    tolerance = visible.features[feature]
    try:
        kind = difference(answer, value, tolerance, visible.equal)
    except ToleranceError:
        return SideOpinion(side=side, value=answer, is_off=answer != value)
    is_off = kind is not None
    is_doubtful = kind == "value" and isinstance(tolerance, Close) and not tolerance.explicit
    if is_doubtful:
        is_off = _stands(visible, draft, side, feature)
    off = None
    if nothing_of(answer) is None and nothing_of(value) is None:
        off = magnitude(answer, value)
    return SideOpinion(side=side, value=answer, is_off=is_off, off=off)


def _stands(visible: FeatureView, draft: Draft, side: SideName, feature: str) -> bool:
    """Return whether a side's difference from the reference is more than its rounding."""
    # Under a fault, what is there in order too would be taken out: here it is what is asked.
    scenario = replace(draft.scenario, name=AGAINST_REFERENCE)
    plain = replace(draft, scenario=scenario)
    standing = judge(visible, [plain], experiment=experiment_against(side))[0].standing
    return any(group[0] == feature for group in standing)
