"""Minimise: from a history that diverges to the smallest and plainest one that still does.

All candidates of a round stand side by side in one batch call. A round proposes edits; those that
keep the failure alone are then combined, as many as keep it together.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace

from skewtest.declare.delivery import IN_ORDER
from skewtest.declare.view import FeatureView
from skewtest.deliver.lawful import breach_of
from skewtest.run.draft import Draft
from skewtest.run.edits import (
    Edit,
    Edits,
    apply_edits,
    cell_edits,
    column_edits,
    entity_drops,
    join_edits,
    key_edits,
)
from skewtest.run.effort import Effort
from skewtest.run.experiment import BATCH_AGAINST_ONLINE, Experiment
from skewtest.run.faults import fault_edits, plainer_fault_edits
from skewtest.run.judge import judge
from skewtest.run.moves import bring_events_near, round_times, shift_draft, space_events
from skewtest.run.noise import QUICK
from skewtest.run.plain import PLAIN_AS_OF
from skewtest.run.shown import Group
from skewtest.times import DAY_US, HOUR_US, SECOND_US, instant, micros

# Plain distances of events from `as_of` and each other, as far as they are no window.
NEAR = (DAY_US, HOUR_US, 5 * HOUR_US)
LEVELS = (DAY_US, HOUR_US, 60 * SECOND_US, SECOND_US, 1_000)
# Edits of one kind make others possible, so all kinds have so many turns.
PASSES = 3
# A counterexample of so few events is small enough, and one of so many needs them: a counter or a
# cap. Between them another order of dropping is worth its effort.
FEW, MANY = 2, 40
MOST_TURNS = 20
# So many proposals are always tried one by one.
FEWEST = 32
# Of long histories, so many events are tried in a round: a spread of the proposals.
EVENTS_A_ROUND = 8_000
# So many prefixes of the proposals are tried in one call. Halving would take three calls for what
# eighths find in one, and a call costs more than the rows in it; more of them would add rows.
PREFIXES = 8
# Whole columns are set to their first or second plain value; the third is a cell's own number,
# rounded, which differs from cell to cell.
RANKS = 2


@dataclass(slots=True)
class Minimiser:
    """The minimising of one divergence.

    `draft` always shows the divergence: a candidate takes its place only where it has been run and
    the divergence stood. So it may end at any time, with the smallest draft so far.
    """

    view: FeatureView
    group: Group
    draft: Draft
    effort: Effort
    alone: bool = False
    experiment: Experiment = BATCH_AGAINST_ONLINE
    drops_events_first: bool = False

    def run(self) -> Draft:
        """Return the smallest draft found."""
        if self.draft.lag is not None:
            self._take_first(replace(self.draft, lag=None))
        for _ in range(PASSES):
            before = self.draft
            # What is dropped need not be made plain: the cheap large steps come first.
            self._drop_faults()
            self._drop()
            self._make_keys_plain()
            self._make_times_plain()
            self._make_values_plain()
            self._make_faults_plain()
            if self.draft == before or self._is_late():
                break
        return self.draft

    def _is_late(self) -> bool:
        return not self.effort.allows_more()

    def _try_drafts(self, drafts: Sequence[Draft]) -> list[bool]:
        """Run drafts and return which show the divergence; none where no effort is left.

        What the scenario cannot deliver is not run: no right side could be asked to cope with it.
        """
        shows = [False] * len(drafts)
        numbers = [number for number, draft in enumerate(drafts) if self._is_candidate(draft)]
        if self._is_late() or not numbers:
            return shows
        candidates = [drafts[number] for number in numbers]
        self.effort.spend(sum(_rank_by_size(draft) for draft in candidates))
        # A few copies of each candidate are enough on the way; the smallest is confirmed.
        judgements = judge(
            self.view,
            candidates,
            alone=self.alone,
            experiment=self.experiment,
            only=self.group,
            rounds=QUICK,
        )
        for number, judgement in zip(numbers, judgements, strict=True):
            shows[number] = self.group in judgement.standing
        return shows

    def _is_candidate(self, draft: Draft) -> bool:
        # A history that asks for nothing shows nothing, though batch may return rows for it.
        return bool(draft.spine) and not breach_of(self.view, draft.course)

    def _take_first(self, *candidates: Draft | None) -> bool:
        """Take the first candidate that still fails."""
        drafts = []
        for candidate in candidates:
            if candidate is not None and candidate != self.draft and candidate.spine:
                drafts.append(candidate)
        for draft, shows in zip(drafts, self._try_drafts(drafts), strict=True):
            if shows:
                self.draft = draft
                return True
        return False

    def _settle(self, proposals: Iterable[Edits]) -> None:
        """Take as many proposals as keep the failure.

        All of them at once, where that does; else those that keep it one by one, and of these as
        many as keep it together.
        """
        base = self.draft
        size = _rank_by_size(base)
        choices = [edits for edits in proposals if edits]
        choices = _thin_out(choices, max(FEWEST, EVENTS_A_ROUND // size))
        if not choices:
            return
        everything = apply_edits(base, join_edits(choices))
        # Single edits of a long history cost its whole length each: all at once may spare them.
        if size > FEWEST and self._take_first(everything):
            return
        candidates = [apply_edits(base, edits) for edits in choices]
        everything_shows, *each_shows = self._try_drafts([everything, *candidates])
        if everything_shows:
            self.draft = everything
            return
        harmless = [edits for edits, shows in zip(choices, each_shows, strict=True) if shows]
        self._combine(base, harmless)

    def _combine(self, base: Draft, waiting: list[Edits]) -> None:
        """Take as many proposals together as keep the failure, each of which keeps it alone.

        The invariant: those in `chosen` have been run together, and the failure stood. A turn
        tries prefixes of what is waiting beside them and chooses the longest that keeps it. Where
        a longer one did not, some proposal after that prefix breaks it: the next one is left out,
        rightly or not, for a later pass proposes it again. So every turn settles one at least.
        """
        chosen: list[Edits] = []
        while waiting:
            lengths = _prefix_lengths(len(waiting))
            longest = self._longest_prefix_that_shows(base, chosen, waiting, lengths)
            chosen += waiting[:longest]
            waiting = waiting[longest:]
            if longest < lengths[-1]:
                waiting = waiting[1:]
            if self._is_late():
                break
        if chosen:
            self.draft = apply_edits(base, join_edits(chosen))

    def _longest_prefix_that_shows(
        self, base: Draft, chosen: list[Edits], waiting: list[Edits], lengths: list[int]
    ) -> int:
        """Return the longest of some prefixes that keeps the failure beside `chosen`; 0: none."""
        candidates = []
        for length in lengths:
            candidates.append(apply_edits(base, join_edits([*chosen, *waiting[:length]])))
        longest = 0
        for length, shows in zip(lengths, self._try_drafts(candidates), strict=True):
            if shows:
                longest = length
        return longest

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
        piece = 1
        if count > FEWEST:
            piece = count // 2
        self._drop_pieces("ask", piece)

    def _drop_pieces(self, what: str, piece: int) -> None:
        """Drop pieces of events or requests, ever smaller ones, down to single ones."""
        while True:
            before = self._count(what)
            proposals = []
            for start in range(0, before, piece):
                numbers = range(start, min(start + piece, before))
                proposals.append(tuple(Edit(what, number) for number in numbers))
            self._settle(proposals)
            after = self._count(what)
            # Single events are tried again until none goes: each may have needed one that went.
            is_done = piece == 1 and (after == before or what == "ask")
            if self._is_late() or is_done:
                return
            if after == before or piece > after // 2:
                piece = max(1, min(piece // 2, after // 2))

    def _count(self, what: str) -> int:
        if what == "event":
            return len(self.draft.events)
        return len(self.draft.spine)

    def _drop_faults(self) -> None:
        """Let the delivery be as in order as it can be."""
        if self.draft.scenario.name == IN_ORDER:
            return
        self._settle(fault_edits(self.draft))

    def _make_faults_plain(self) -> None:
        """Make the faults that are needed plain, one by one: they lean on each other."""
        if self.draft.scenario.name == IN_ORDER:
            return
        as_of = self._last_as_of()
        self._settle_in_turn(lambda: plainer_fault_edits(self.draft, as_of))

    def _settle_in_turn(self, propose: Callable[[], Sequence[Edits]]) -> None:
        """Take the first proposal that keeps the failure, and propose anew, until none does."""
        for _ in range(MOST_TURNS):
            proposals = propose()
            if not self._take_first(*(apply_edits(self.draft, edits) for edits in proposals)):
                return

    def _make_keys_plain(self) -> None:
        """Spell identities as plainly as they come: "a", "b"."""
        for position in range(len(self.view.entity)):
            for edits in key_edits(self.view, self.draft, position):
                self._take_first(apply_edits(self.draft, edits))

    def _make_times_plain(self) -> None:
        """Move the history to a plain date, then events to whole days and hours before `as_of`."""
        self._move_to_plain_date()
        as_of = self._last_as_of()
        spaced = [space_events(self.view, self.draft, as_of, unit) for unit in self._units()]
        if self.draft not in spaced and not self._take_first(*spaced):
            self._settle(bring_events_near(self.view, self.draft, as_of))
        for level in LEVELS:
            # Nearer to `as_of` first; across the edge of a window the other way may be left.
            for side in (0, level - 1):
                self._settle(round_times(self.draft, as_of, level, side))

    def _move_to_plain_date(self) -> None:
        as_of = self._last_as_of()
        # What depends on the weekday or the hour may not move to the date that all others have.
        candidates = []
        for plain in (PLAIN_AS_OF, as_of - as_of % DAY_US, as_of - as_of % HOUR_US):
            if plain != as_of and self._is_in_span(plain):
                candidates.append(shift_draft(self.draft, plain - as_of))
        self._take_first(*candidates)

    def _last_as_of(self) -> int:
        return max(ask.at for ask in self.draft.spine)

    def _units(self) -> tuple[int, ...]:
        """Return plain distances of events: short enough for a late one to pass another."""
        late = self.draft.scenario.delivery.late
        if late is None:
            return NEAR
        return (*NEAR, max(self.view.tick, micros(late) // 2))

    def _is_in_span(self, at: int) -> bool:
        """Return whether a moment lies where the sources say that their events do."""
        for source in self.view.sources.values():
            if source.start is not None and at < instant(source.start):
                return False
            if source.end is not None and at > instant(source.end):
                return False
        return True

    def _make_values_plain(self) -> None:
        """Set values to the plainest of their kind: whole columns first, then cell by cell."""
        for rank in range(RANKS):
            self._settle(column_edits(self.view, self.draft, rank))
            self._settle(cell_edits(self.view, self.draft, rank))
        self._settle(cell_edits(self.view, self.draft, RANKS))


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
    minimiser = Minimiser(view, group, draft.ordered(), effort, alone, experiment)
    small = minimiser.run()
    if not FEW < len(small.events) < MANY:
        return small
    # With one request less, a history may need more events: the other order may end lower.
    reordered = replace(minimiser, draft=draft.ordered(), drops_events_first=True).run()
    return min(small, reordered, key=_rank_by_size)


def _rank_by_size(draft: Draft) -> int:
    """Return what running a draft costs: its events and requests, and the lane itself."""
    return len(draft.events) + len(draft.spine) + 1


def _prefix_lengths(count: int) -> list[int]:
    """Return the lengths of prefixes to try: one, and about so many eighths of `count`."""
    lengths = {1}
    for part in range(1, PREFIXES + 1):
        lengths.add(count * part // PREFIXES)
    # With fewer than eight the first eighth is none.
    return sorted(lengths - {0})


def _thin_out(proposals: list[Edits], most: int) -> list[Edits]:
    """Return at most `most` proposals, evenly spread."""
    if len(proposals) <= most:
        return proposals
    return [proposals[index * len(proposals) // most] for index in range(most)]
