"""Declared inexactness, row by row: whether an answer is one that the declared law allows.

The law of `close(resolution=)` and `stale(budget)` is that one side answers as the other would with
a window that starts a little elsewhere, or a little earlier as a whole. So the other is asked just
that: on the same history with a later or earlier `as_of`, and with the events beside the start of a
window moved over it. Every set of events that a moved edge can hold is tried, and no other, so an
event lost beside it is found.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any, Literal

from skewtest.compare.tables import Divergence, Tally
from skewtest.compare.values import ToleranceError, difference, nothing_of
from skewtest.declare.inexact import Resolution, Staleness
from skewtest.declare.tolerance import Close, Exact
from skewtest.declare.view import FeatureView
from skewtest.generate.history import LANE, Pack
from skewtest.run.draft import Ask, Draft, can_share, draft_of, pack_drafts
from skewtest.sides.answers import Answers
from skewtest.times import micros

# As in `run.judge`: more events and requests in a call cost no less for each.
ROWS_A_CALL = 30_000
# Events and requests that are run for windows that start anywhere: what is not tried stays open,
# and is looked at again when its history is confirmed alone.
MOST_ROWS = 60_000
AskSide = Callable[[FeatureView, Pack], Answers]
# A spine row and a feature.
Place = tuple[int, str]


@dataclass(frozen=True, slots=True)
class Question:
    """A divergence that a law may allow.

    Attributes:
        divergence: how the two sides differ.
        law: the law.
        draft: its history, with the events that concern its entity.
        ask: its request.
    """

    divergence: Divergence
    law: Resolution | Staleness
    draft: Draft
    ask: Ask

    @property
    def place(self) -> Place:
        """The spine row and the feature."""
        return self.divergence.row, self.divergence.feature


@dataclass(frozen=True, slots=True)
class Variant:
    """A history that the law allows a side to have answered for.

    Attributes:
        draft: the history.
        places: for each of its requests, the divergences that the answer may explain.
    """

    draft: Draft
    places: tuple[tuple[Place, ...], ...]


@dataclass(slots=True)
class Hearing:
    """Which divergences are explained so far.

    Attributes:
        view: the view.
        open: the questions that are not answered yet.
        lawful: the places that are explained.
        rows: how many events and requests may still be run for the places of cuts.
    """

    view: FeatureView
    open: list[Question]
    lawful: set[Place] = field(default_factory=set)
    rows: int = MOST_ROWS

    def hear(self, ask: AskSide, end: Literal["left", "right"]) -> None:
        """Ask a side for what the law allows, and hold the other one's answers against it.

        Args:
            ask: asks the side.
            end: where the other side's answers stand.
        """
        self._try(_at_other_moments(self.view, self.open), ask, end)
        self._try(_from_other_starts(self.view, self.open, is_aligned=True), ask, end)
        self._try(
            self._afford(_from_other_starts(self.view, self.open, is_aligned=False)), ask, end
        )

    def _afford(self, variants: Iterable[Variant]) -> Iterator[Variant]:
        for variant in variants:
            self.rows -= len(variant.draft.events) + 1
            if self.rows < 0:
                return
            yield variant

    def _try(
        self, variants: Iterable[Variant], ask: AskSide, end: Literal["left", "right"]
    ) -> None:
        answered = {question.place: getattr(question.divergence, end) for question in self.open}
        for cell, allowed in _answers_to(self.view, list(variants), ask):
            if _agree(self.view, cell[1], answered[cell], allowed):
                self.lawful.add(cell)
        self.open = [question for question in self.open if question.place not in self.lawful]


def find_lawful(
    view: FeatureView,
    pack: Pack,
    divergences: Mapping[int, Sequence[Divergence]],
    ask_batch: AskSide,
    ask_online: AskSide,
) -> set[Place]:
    """Return the divergences that the declared laws allow, by spine row and feature.

    Args:
        view: the view.
        pack: the histories.
        divergences: by lane, what the sides differ on.
        ask_batch: asks batch.
        ask_online: asks online.
    """
    questions: list[Question] = []
    for lane, of_lane in divergences.items():
        questions += _questions_of_lane(view, pack, lane, of_lane)
    # The smallest histories first: where not all can be afforded, they say most.
    questions.sort(key=lambda question: len(question.draft.events))
    hearing = Hearing(view, questions)
    hearing.hear(ask_batch, "right")
    # It may be batch that is the coarse one.
    hearing.hear(ask_online, "left")
    return hearing.lawful


def count_as_match(divergence: Divergence) -> Tally:
    """Return what makes a tally count a divergence as a match."""
    has_left, has_right = nothing_of(divergence.left) is None, nothing_of(divergence.right) is None
    if has_left == has_right:
        return Tally(match=1, mismatch=-1)
    return Tally(match=1, left_only=-1) if has_left else Tally(match=1, right_only=-1)


def law_of(view: FeatureView, divergence: Divergence) -> Resolution | Staleness | None:
    """Return the law that a divergence may be held to, None where it has none."""
    tolerance = view.features.get(divergence.feature)
    if divergence.row < 0 or not isinstance(tolerance, Close | Exact):
        return None
    law = tolerance.law
    return law if isinstance(law, Resolution | Staleness) else None


def _agree(view: FeatureView, feature: str, left: Any, right: Any) -> bool:
    try:
        return difference(left, right, view.features[feature], view.equal) is None
    except ToleranceError:
        return False


def _questions_of_lane(
    view: FeatureView, pack: Pack, lane: int, divergences: Sequence[Divergence]
) -> Iterator[Question]:
    laws = [(divergence, law_of(view, divergence)) for divergence in divergences]
    if not any(law for _, law in laws):
        return
    draft = draft_of(view, pack.history(lane))
    rows = [row for row, number in enumerate(pack.spine[LANE].to_list()) if number == lane]
    for divergence, law in laws:
        if law is not None:
            ask = draft.spine[rows.index(divergence.row)]
            yield Question(divergence, law, _narrow(view, draft, ask), ask)


def _narrow(view: FeatureView, draft: Draft, ask: Ask) -> Draft:
    """Return a draft with the events that concern a request's entity, and no request."""
    if view.scope == "global":
        return replace(draft, spine=())
    keys = dict(zip(view.entity, ask.entity, strict=True))
    places = {}
    for name, source in view.sources.items():
        columns = enumerate(source.columns)
        places[name] = [(at, keys[column]) for at, column in columns if column in keys]
    events = []
    for event in draft.events:
        if all(event.values[at] == value for at, value in places[event.source]):
            events.append(event)
    return replace(draft, events=tuple(events), spine=())


def _at_other_moments(view: FeatureView, questions: Sequence[Question]) -> Iterator[Variant]:
    """Yield each history with requests at the moments that its side may have answered for."""
    by_request: dict[tuple[int, Ask], list[Question]] = {}
    for question in questions:
        by_request.setdefault((question.divergence.row, question.ask), []).append(question)
    for (_, ask), same in by_request.items():
        first = same[0]
        lengths = [(micros(_reach_of(question.law)), question.place) for question in same]
        moments = _earlier_moments(view, first.draft, ask.at, max(lengths)[0])
        spine = tuple(ask._replace(at=moment) for moment in moments)
        places = []
        for moment in moments:
            age = ask.at - moment
            places.append(tuple(cell for length, cell in lengths if age <= length))
        yield Variant(replace(first.draft, spine=spine), tuple(places))


def _reach_of(law: Resolution | Staleness) -> timedelta:
    return law.budget if isinstance(law, Staleness) else law.length


def _from_other_starts(
    view: FeatureView, questions: Sequence[Question], *, is_aligned: bool
) -> Iterator[Variant]:
    """Yield each history with the events beside a window's start moved over it.

    Args:
        view: the view.
        questions: what is asked.
        is_aligned: whether windows start where the clock shows a whole number of lengths, as nearly
            all buckets do; else wherever they may.
    """
    for question in questions:
        if not isinstance(question.law, Resolution):
            continue
        length = micros(question.law.length)
        for window in view.windows:
            start = question.ask.at - micros(window)
            cuts = [start - start % length, start - start % length + length]
            if not is_aligned:
                cuts = _cuts(view, question.draft, start, length)
            for cut in cuts:
                moved = _move_start(view, question.draft, question.ask, start, cut)
                yield Variant(moved, ((question.place,),))


def _earlier_moments(view: FeatureView, draft: Draft, as_of: int, budget: int) -> list[int]:
    """Return moments up to a budget before `as_of`: one for each set of events that counts.

    Which events count changes at an event, and when one leaves a window.
    """
    tick = view.time.tick
    moments = {as_of - budget}
    for event in draft.events:
        for length in (0, *map(micros, view.windows)):
            change = event.at + length
            moments |= {change, change + tick}
    return sorted(moment for moment in moments if as_of - budget <= moment < as_of)


def _cuts(view: FeatureView, draft: Draft, start: int, length: int) -> list[int]:
    """Return where else a window may start: one place for each set of events that it may hold."""
    cuts = set()
    for event in draft.events:
        if start - length <= event.at < start:
            cuts.add(event.at)
        elif start <= event.at <= start + length:
            cuts.add(event.at + view.time.tick)
    return sorted(cuts)


def _move_start(view: FeatureView, draft: Draft, ask: Ask, start: int, cut: int) -> Draft:
    """Return a draft in which a window that starts at `start` holds what one from `cut` on would.

    Events between the two are moved over `start`, by as little as it takes, in their order.
    """
    tick = view.time.tick
    events = []
    for event in draft.events:
        moved = event
        if cut <= event.at <= start:
            moved = event._replace(at=start + tick)
        elif start <= event.at < cut:
            moved = event._replace(at=start - tick)
        events.append(moved)
    return replace(draft, events=tuple(events), spine=(ask,)).ordered()


def _answers_to(
    view: FeatureView, variants: Sequence[Variant], ask: AskSide
) -> Iterator[tuple[Place, Any]]:
    """Yield what a side answers to variants, with the places that each answer may explain."""
    for chunk in _chunks(view, variants):
        pack = pack_drafts(view, [variant.draft for variant in chunk])
        answers = ask(view, pack)
        numbers = [0] * len(chunk)
        for row, lane in enumerate(pack.spine[LANE].to_list()):
            places = chunk[lane].places[numbers[lane]]
            numbers[lane] += 1
            if row not in answers.failures and row not in answers.skipped:
                for cell in places:
                    yield cell, answers.values[cell[1]][row]


def _chunks(view: FeatureView, variants: Sequence[Variant]) -> Iterator[list[Variant]]:
    """Yield variants in portions that may share a call."""
    chunk: list[Variant] = []
    rows = 0
    for variant in variants:
        if not variant.draft.spine:
            continue
        if not can_share(view, variant.draft):
            yield [variant]
            continue
        chunk.append(variant)
        rows += len(variant.draft.events) + len(variant.draft.spine)
        if rows > ROWS_A_CALL:
            yield chunk
            chunk, rows = [], 0
    if chunk:
        yield chunk
