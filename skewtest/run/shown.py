"""What drafts show when they are run: where the sides differ, and what they answer on any row."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from skewtest.compare.tables import Divergence
from skewtest.declare.divergence import Kind
from skewtest.declare.view import FeatureView
from skewtest.run.draft import Draft, can_share, pack_drafts
from skewtest.run.experiment import BATCH_AGAINST_ONLINE, Experiment, NotApplicable, Trial

# Feature, kind and failure of a divergence: what makes two of them the same finding.
Group = tuple[str, Kind, object]
# A row of a history's own spine (-1: one that nobody asked for), and what is wrong there.
Spot = tuple[int, Group]
# A batch call gets up to so many events and requests: it costs little per row by then, and more of
# them would only take memory.
ROWS_A_CALL = 30_000


@dataclass(frozen=True, slots=True, eq=False)
class Shown:
    """What one draft shows.

    Attributes:
        divergences: by spot; their rows are those of the draft's own spine.
        trial: that of its whole pack; None where the sides could not be asked.
        start: the spine row of the pack at which the draft begins.
    """

    divergences: dict[Spot, Divergence] = field(default_factory=dict)
    trial: Trial | None = None
    start: int = 0

    def ends_at(self, row: int, feature: str) -> tuple[Any, Any]:
        """Return what both sides answered on a row of the draft; two `None` where they did not."""
        if self.trial is None:
            return None, None
        position = self.start + row
        if self.trial.rows is not None:
            positions = np.flatnonzero(self.trial.rows == position)
            if not len(positions):
                return None, None
            position = int(positions[0])
        return (
            self.trial.left.values[feature][position],
            self.trial.right.values[feature][position],
        )


def try_drafts(
    view: FeatureView, drafts: Sequence[Draft], experiment: Experiment = BATCH_AGAINST_ONLINE
) -> list[Shown]:
    """Return what each draft shows, whether it stands or not.

    Args:
        view: the view.
        drafts: histories of one scenario; they share batch calls where they can.
        experiment: whose divergences are looked for.
    """
    runs = [Shown()] * len(drafts)
    for chunk in _chunk_drafts(view, drafts):
        members = [drafts[index] for index in chunk]
        trial = experiment.run(view, pack_drafts(view, members))
        if isinstance(trial, NotApplicable):
            continue
        start = 0
        for lane, (index, draft) in enumerate(zip(chunk, members, strict=True)):
            divergences = dict(_spots_of(trial.divergences.get(lane, ()), start))
            runs[index] = Shown(divergences, trial, start)
            start += len(draft.spine)
    return runs


def _spots_of(divergences: Sequence[Divergence], start: int) -> Iterator[tuple[Spot, Divergence]]:
    for divergence in divergences:
        if divergence.row < 0:
            yield (-1, divergence.group), divergence
        else:
            moved = replace(divergence, row=divergence.row - start)
            yield (moved.row, moved.group), moved


def _chunk_drafts(view: FeatureView, drafts: Sequence[Draft]) -> list[list[int]]:
    """Return the numbers of drafts that share a call, in portions of a bounded number of rows."""
    chunks: list[list[int]] = []
    alone: list[list[int]] = []
    rows = ROWS_A_CALL
    for index, draft in enumerate(drafts):
        # A key that was not generated is the same in every lane: its history gets its own call.
        if not can_share(view, draft):
            alone.append([index])
            continue
        size = len(draft.events) + len(draft.spine) + 1
        if rows + size > ROWS_A_CALL:
            chunks.append([])
            rows = 0
        chunks[-1].append(index)
        rows += size
    return chunks + alone
