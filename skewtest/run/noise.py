"""Run moved copies of histories, to tell rounding from what is really different.

The copies are lanes beside each other, so a round of stages costs one batch call. Few copies excuse
most rounding; what they do not excuse gets more of them, and what is left stands.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

from skewtest.compare.rounding import (
    UNSTABLE,
    Moves,
    are_singles,
    is_doubtful,
    is_exact_regime,
    is_rounding,
    is_unstable,
    numbers_of,
    relative_size,
    residue_of,
    unstable_side,
)
from skewtest.compare.tables import Divergence
from skewtest.declare.view import FeatureView
from skewtest.run.draft import Draft
from skewtest.run.experiment import Experiment
from skewtest.run.jitter import floats_of, move_copies, on_grid
from skewtest.run.shown import Shown, Spot, try_drafts

Verdict = Literal["rounding", "unstable", "skew"]


class Stage(NamedTuple):
    """Copies that are looked at together: how many, moved how far, the factor of their spread."""

    copies: int
    scale: str
    factor: float


# Stages whose copies share a batch call: a call of its own for each costs more than the copies.
Round = tuple[Stage, ...]
# Three copies excuse five in six rounded rows, eight nearly all of them (NUMERICS: k=4, m=8).
FEW = (Stage(3, "sums", 4.0), Stage(8, "sums", 4.0))
QUICK: tuple[Round, ...] = (FEW,)
# Sides that answer in float32 round by bits that the other scales do not touch.
SINGLES = Stage(16, "single", 2.0)
# A flag is confirmed with eight times as many copies, moved at two scales.
THOROUGH: tuple[Round, ...] = (
    FEW,
    (Stage(64, "sums", 2.0), Stage(64, "squares", 2.0), SINGLES),
)
# Each copy of a real log costs a replay of it; rows that these leave are confirmed by entity.
WHOLE_LOG: tuple[Round, ...] = tuple(
    (stage,) for stage in (*FEW, Stage(16, "sums", 3.0), Stage(16, "squares", 3.0), SINGLES)
)


@dataclass(slots=True)
class Doubts:
    """The doubtful spots of one draft, and what has become of them.

    Attributes:
        open: those that nothing has excused so far.
        verdicts: of the others.
        sides: of unstable ones, whose answers scatter.
        residue: how much rounding may leave of a sum of the draft's inputs that cancel.
    """

    open: dict[Spot, Divergence] = field(default_factory=dict)
    verdicts: dict[Spot, Verdict] = field(default_factory=dict)
    sides: dict[Spot, str] = field(default_factory=dict)
    residue: float = 0.0


def find_rounding(
    view: FeatureView,
    drafts: Sequence[Draft],
    shown: Sequence[Mapping[Spot, Divergence]],
    experiment: Experiment,
    rounds: Sequence[Round],
) -> list[Doubts]:
    """Return, for each draft, which of its divergences are rounding, and which are unstable.

    Args:
        view: the view.
        drafts: histories of one scenario.
        shown: by spot, the divergences of each that are asked about.
        experiment: whose divergences they are.
        rounds: which copies are run, one round for what the one before does not excuse.
    """
    doubts = []
    for draft, divergences in zip(drafts, shown, strict=True):
        doubts.append(_doubts_of(view, draft, divergences))
    for stages in rounds:
        _excuse(view, drafts, doubts, experiment, stages)
    _hold_to_grid(view, drafts, doubts, experiment)
    return doubts


def _doubts_of(view: FeatureView, draft: Draft, divergences: Mapping[Spot, Divergence]) -> Doubts:
    doubts = Doubts()
    candidates = {
        spot: divergence
        for spot, divergence in divergences.items()
        if is_doubtful(view, divergence)
    }
    if not candidates:
        return doubts
    floats = floats_of(draft)
    doubts.residue = residue_of(floats, len(draft.events))
    is_plain = is_exact_regime(floats, len(draft.events))
    for spot, divergence in candidates.items():
        if not (is_plain and relative_size(divergence) > UNSTABLE):
            doubts.open[spot] = divergence
    return doubts


def _concerns(stage: Stage, divergence: Divergence) -> bool:
    """Return whether a stage is for a divergence: one of float32 for answers that are float32."""
    return stage.scale != "single" or are_singles((divergence.left, divergence.right))


def _excuse(
    view: FeatureView,
    drafts: Sequence[Draft],
    doubts: Sequence[Doubts],
    experiment: Experiment,
    stages: Round,
) -> None:
    """Run a round for the drafts that still have open spots, and excuse what is rounding."""
    concerned = []
    copies: list[Draft] = []
    for index, doubt in enumerate(doubts):
        for stage in stages:
            if any(_concerns(stage, divergence) for divergence in doubt.open.values()):
                concerned.append((index, stage))
                copies += move_copies(view, drafts[index], stage.copies, stage.scale)
    if not concerned:
        return
    runs = try_drafts(view, copies, experiment)
    start = 0
    for index, stage in concerned:
        _excuse_spots(doubts[index], runs[start : start + stage.copies], stage)
        start += stage.copies


def _excuse_spots(doubts: Doubts, runs: Sequence[Shown], stage: Stage) -> None:
    for spot, divergence in list(doubts.open.items()):
        if not _concerns(stage, divergence):
            continue
        moves = _moves_of(divergence, runs, stage)
        if moves is None or not is_rounding(divergence, moves, stage.factor):
            continue
        del doubts.open[spot]
        doubts.verdicts[spot] = "rounding"
        if is_unstable(divergence, doubts.residue):
            doubts.verdicts[spot] = "unstable"
            doubts.sides[spot] = unstable_side(moves)


def _moves_of(divergence: Divergence, runs: Sequence[Shown], stage: Stage) -> Moves | None:
    """Return what the sides answer on copies of a row; None where they do not suit the stage."""
    ends = [run.ends_at(divergence.row, divergence.feature) for run in runs]
    if stage.scale == "single" and not all(are_singles(pair) for pair in ends):
        return None
    numbers = numbers_of(divergence.left)
    assert numbers is not None  # doubtful spots hold numbers
    return Moves.of(ends, len(numbers))


def _hold_to_grid(
    view: FeatureView, drafts: Sequence[Draft], doubts: Sequence[Doubts], experiment: Experiment
) -> None:
    """Call skew what was taken for unstable and differs on exactly representable values too.

    Sides that scatter for another reason, such as a hash of a float, look unstable on copies.
    """
    indices = []
    for index, doubt in enumerate(doubts):
        if "unstable" in doubt.verdicts.values():
            indices.append(index)
    if not indices:
        return
    exact_drafts = [on_grid(view, drafts[index]) for index in indices]
    runs = try_drafts(view, exact_drafts, experiment)
    for index, draft, run in zip(indices, exact_drafts, runs, strict=True):
        if is_exact_regime(floats_of(draft), len(draft.events)):
            _condemn(doubts[index], run)


def _condemn(doubts: Doubts, on_exact_values: Shown) -> None:
    """Call unstable spots skew that differ by much on values that no sum rounds."""
    for spot, verdict in doubts.verdicts.items():
        divergence = on_exact_values.divergences.get(spot)
        if verdict != "unstable" or divergence is None:
            continue
        if relative_size(divergence) > UNSTABLE:
            doubts.verdicts[spot] = "skew"
