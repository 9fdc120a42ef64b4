"""Minimise: from a history that diverges to the smallest and plainest one that still does.

All candidates of a round stand side by side in one batch call. A round proposes edits; those that
keep the failure alone are then combined, as many as keep it together.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace

from skewtest.declare.delivery import IN_ORDER
from skewtest.declare.view import FeatureView
from skewtest.run.draft import Draft
from skewtest.run.edits import (
    Edit,
    Edits,
    apart,
    applied,
    cell_edits,
    column_edits,
    entity_drops,
    fault_edits,
    joined,
    key_edits,
    near,
    plainer_fault_edits,
    rounded,
    shifted,
)
from skewtest.run.effort import Effort
from skewtest.run.experiment import BATCH_AGAINST_ONLINE, Experiment
from skewtest.run.judge import Group, judge
from skewtest.run.plain import PLAIN_AS_OF
from skewtest.times import DAY_US, HOUR_US, SECOND_US, instant, micros

NEAR = (DAY_US, HOUR_US, 5 * HOUR_US)
"""Plain distances of events from `as_of` and each other, as far as they are no window."""
LEVELS = (DAY_US, HOUR_US, 60 * SECOND_US, SECOND_US, 1_000)
PASSES = 3
FEW, MANY = 2, 40
"""A counterexample of so few events is small enough, and one of so many needs them: a counter or
a cap. Between them another order of dropping is worth its effort."""
MOST_TURNS = 20
FEWEST = 32
"""So many proposals are always tried one by one."""
EVENTS_A_ROUND = 8_000
"""Of long histories, so many events are tried in a round: a spread of the proposals."""


@dataclass(slots=True)
class Minimiser:
    """The minimising of one divergence."""

    view: FeatureView
    group: Group
    draft: Draft
    effort: Effort
    alone: bool = False
    experiment: Experiment = BATCH_AGAINST_ONLINE
    drops_events_first: bool = False

    def run(self) -> Draft:
        """Return the smallest draft found."""
        self._first(replace(self.draft, lag=None) if self.draft.lag is not None else None)
        for _ in range(PASSES):
            before = self.draft
            self._drop_faults()
            self._drop()
            self._plain_keys()
            self._plain_times()
            self._plain_values()
            self._plain_faults()
            if self.draft == before or self._is_late():
                break
        return self.draft

    def _is_late(self) -> bool:
        return not self.effort.allows_more()

    def _holding(self, drafts: Sequence[Draft]) -> list[bool]:
        if self._is_late() or not drafts:
            return [False] * len(drafts)
        self.effort.spend(sum(_size(draft) for draft in drafts))
        standing = judge(self.view, drafts, alone=self.alone, experiment=self.experiment)
        # A history that asks for nothing shows nothing, though batch may return rows for it.
        return [
            bool(draft.spine) and self.group in groups
            for draft, groups in zip(drafts, standing, strict=True)
        ]

    def _first(self, *candidates: Draft | None) -> bool:
        """Take the first candidate that still fails."""
        drafts = [c for c in candidates if c is not None and c != self.draft and c.spine]
        for draft, holds in zip(drafts, self._holding(drafts), strict=True):
            if holds:
                self.draft = draft
                return True
        return False

    def _settle(self, proposals: Iterable[Edits]) -> None:
        """Take as many proposals as keep the failure."""
        base = self.draft
        waiting = [edits for edits in proposals if edits]
        if not waiting:
            return
        size = _size(base)
        waiting = _spread(waiting, max(FEWEST, EVENTS_A_ROUND // size))
        everything = applied(base, joined(waiting))
        if size > FEWEST and self._first(everything):
            return
        alone = [applied(base, edits) for edits in waiting]
        at_once, *single = self._holding([everything, *alone])
        if at_once:
            self.draft = everything
            return
        good = [edits for edits, holds in zip(waiting, single, strict=True) if holds]
        taken: list[Edits] = []
        while good:
            sizes = sorted({1, *(len(good) * part // 8 for part in range(1, 9))} - {0})
            candidates = [applied(base, joined([*taken, *good[:size]])) for size in sizes]
            holding = [s for s, h in zip(sizes, self._holding(candidates), strict=True) if h]
            if holding:
                taken += good[: holding[-1]]
                good = good[holding[-1] :]
            good = good[1:] if not holding or holding[-1] < sizes[-1] else good
            if self._is_late():
                break
        if taken:
            self.draft = applied(base, joined(taken))

    def _drop(self) -> None:
        """Drop spine rows and events: whole entities, large pieces, small ones."""
        if not self.drops_events_first:
            self._drop_requests()
        self._settle(entity_drops(self.view, self.draft))
        self._drop_pieces("event", max(1, len(self.draft.events) // 2))
        if self.drops_events_first:
            self._drop_requests()

    def _drop_requests(self) -> None:
        """Drop spine rows: one by one where there are few, else in pieces first."""
        count = len(self.draft.spine)
        self._drop_pieces("ask", 1 if count <= FEWEST else count // 2)

    def _drop_pieces(self, what: str, piece: int) -> None:
        """Drop pieces of events or requests, ever smaller ones, down to single ones."""
        while True:
            before = self._count(what)
            proposals = []
            for start in range(0, before, piece):
                numbers = range(start, min(start + piece, before))
                proposals.append(tuple(Edit(what, number) for number in numbers))
            self._settle(proposals)
            left = self._count(what)
            if self._is_late() or (piece == 1 and (left == before or what == "ask")):
                return
            if left == before or piece > left // 2:
                piece = max(1, min(piece // 2, left // 2))

    def _count(self, what: str) -> int:
        return len(self.draft.events) if what == "event" else len(self.draft.spine)

    def _drop_faults(self) -> None:
        """Let the delivery be as in order as it can be."""
        if self.draft.scenario.name == IN_ORDER:
            return
        self._settle(fault_edits(self.draft))

    def _plain_faults(self) -> None:
        """Make the faults that are needed plain, one by one: they lean on each other."""
        if self.draft.scenario.name == IN_ORDER:
            return
        as_of = max(ask.at for ask in self.draft.spine)
        self._settle_in_turn(lambda: plainer_fault_edits(self.draft, as_of))

    def _settle_in_turn(self, propose: Callable[[], Sequence[Edits]]) -> None:
        """Take the first proposal that keeps the failure, and propose anew, until none does."""
        for _ in range(MOST_TURNS):
            proposals = propose()
            if not self._first(*(applied(self.draft, edits) for edits in proposals)):
                return

    def _plain_keys(self) -> None:
        """Spell identities as plainly as they come: "a", "b"."""
        for position in range(len(self.view.entity)):
            self._settle_one_by_one(key_edits(self.view, self.draft, position))

    def _settle_one_by_one(self, proposals: Sequence[Edits]) -> None:
        for edits in proposals:
            self._first(applied(self.draft, edits))

    def _plain_times(self) -> None:
        """Move the history to a plain date, then events to whole days and hours before `as_of`."""
        as_of = max(ask.at for ask in self.draft.spine)
        plain = (PLAIN_AS_OF, as_of - as_of % DAY_US, as_of - as_of % HOUR_US)
        allowed = [to for to in plain if to != as_of and self._is_in_span(to)]
        self._first(*(shifted(self.draft, to - as_of) for to in allowed))
        as_of = max(ask.at for ask in self.draft.spine)
        spaced = [apart(self.view, self.draft, as_of, unit) for unit in self._units()]
        if self.draft not in spaced and not self._first(*spaced):
            self._settle(near(self.view, self.draft, as_of))
        for level in LEVELS:
            for side in (0, level - 1):
                self._settle(rounded(self.draft, as_of, level, side))

    def _units(self) -> tuple[int, ...]:
        """Return plain distances of events: short enough for a late one to pass another."""
        late = self.draft.scenario.delivery.late
        if late is None:
            return NEAR
        return (*NEAR, max(self.view.time.tick, micros(late) // 2))

    def _is_in_span(self, at: int) -> bool:
        """Return whether a moment lies where the sources say that their events do."""
        starts = [instant(s.start) for s in self.view.sources.values() if s.start is not None]
        ends = [instant(s.end) for s in self.view.sources.values() if s.end is not None]
        return all(at >= start for start in starts) and all(at <= end for end in ends)

    def _plain_values(self) -> None:
        """Set values to the plainest of their kind: whole columns first, then cell by cell."""
        for rank in range(2):
            self._settle(column_edits(self.view, self.draft, rank))
            self._settle(cell_edits(self.view, self.draft, rank))
        self._settle(cell_edits(self.view, self.draft, 2))


def minimise(
    view: FeatureView,
    draft: Draft,
    group: Group,
    effort: Effort,
    *,
    alone: bool = False,
    experiment: Experiment = BATCH_AGAINST_ONLINE,
) -> Draft:
    """Return a smallest draft on which the divergences of `group` still stand.

    Args:
        view: the view that diverges.
        draft: a history on which it does.
        group: feature, kind and failure of the divergence.
        effort: when to stop with the smallest draft so far.
        alone: give each candidate a batch call of its own, because company is what matters.
        experiment: whose divergences they are.
    """
    begun = Minimiser(view, group, draft.ordered(), effort, alone, experiment)
    small = begun.run()
    if not FEW < len(small.events) < MANY:
        return small
    # With one request less, a history may need more events: the other order may end lower.
    other = replace(begun, draft=draft.ordered(), drops_events_first=True).run()
    return min(small, other, key=_size)


def _size(draft: Draft) -> int:
    """Return what running a draft costs: its events and requests, and the lane itself."""
    return len(draft.events) + len(draft.spine) + 1


def _spread(proposals: list[Edits], most: int) -> list[Edits]:
    """Return at most `most` proposals, evenly spread."""
    if len(proposals) <= most:
        return proposals
    return [proposals[index * len(proposals) // most] for index in range(most)]
