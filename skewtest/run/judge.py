"""Judge drafts row by row: what stands, and what is excused by which rules.

Three rules excuse a row, and never another one:

- where a request comes after an event of its own instant, an online side that simply counts what
  it has seen is not wrong: it would count an event one tick later as well;
- what is there in order too needs no fault of the delivery;
- a difference that is rounding is none (`skewtest.run.noise`).

The first two hold a run against others, in each of which rounding is excused before: a row that is
rounding there says nothing about order.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace

from skewtest.compare.tables import Divergence
from skewtest.declare.delivery import CAUSES
from skewtest.declare.divergence import Excuse
from skewtest.declare.view import FeatureView
from skewtest.run.draft import Draft
from skewtest.run.experiment import BATCH_AGAINST_ONLINE, Experiment
from skewtest.run.noise import THOROUGH, Round, find_rounding
from skewtest.run.shown import Group, Spot, try_drafts
from skewtest.times import HOUR_US, SECOND_US

# How far events are moved past a request, in microseconds and at least by a tick: the least, and
# lengths that gaps counted in milliseconds, seconds or minutes do not round away. By one alone a
# gap between events may come out as the other side has it by chance.
LATER = (0, SECOND_US + 3, HOUR_US + SECOND_US)

Standing = dict[Group, Divergence]


@dataclass(frozen=True, slots=True)
class Excused:
    """A divergence that does not stand, and by which rules together."""

    divergence: Divergence
    by: tuple[Excuse, ...]


@dataclass(slots=True, eq=False)
class Judgement:
    """What one draft shows, looked at closely.

    Attributes:
        open: by spot, what stands. What is unstable has that kind.
        excused: by spot, what does not.
        sides: of unstable spots, the side whose own rounding it is; None: both.
    """

    open: dict[Spot, Divergence] = field(default_factory=dict)
    excused: dict[Spot, Excused] = field(default_factory=dict)
    sides: dict[Spot, str | None] = field(default_factory=dict)

    @property
    def standing(self) -> Standing:
        """The first open divergence of each group."""
        standing: Standing = {}
        for divergence in self.open.values():
            standing.setdefault(divergence.group, divergence)
        return standing

    def shows(self, group: Group) -> bool:
        """Return whether a group shows on some row, whether it stands or not."""
        spots = [*self.open, *self.excused]
        if group[1] == "value" and any(spot[1][:2] == (group[0], "unstable") for spot in spots):
            return True
        return any(spot[1] == group for spot in spots)

    def excuse(self, spot: Spot, *rules: Excuse) -> None:
        """Move a spot from open to excused."""
        self.excused[spot] = Excused(self.open.pop(spot), rules)


@dataclass(frozen=True, slots=True)
class Judge:
    """Looks closely at histories of one view.

    Attributes:
        view: the view.
        experiment: whose divergences are looked for.
        only: the group that is asked about; None: all of them.
        rounds: the moved copies that tell rounding.
    """

    view: FeatureView
    experiment: Experiment = BATCH_AGAINST_ONLINE
    only: Group | None = None
    rounds: Sequence[Round] = THOROUGH

    def judge(self, drafts: Sequence[Draft]) -> list[Judgement]:
        """Run drafts, and return what stands."""
        runs = try_drafts(self.view, drafts, self.experiment)
        return self.sift(drafts, [run.divergences for run in runs])

    def sift(
        self, drafts: Sequence[Draft], shown: Sequence[Mapping[Spot, Divergence]]
    ) -> list[Judgement]:
        """Return what stands of what drafts have shown."""
        judgements = self._without_rounding(drafts, shown)
        self._excuse_late_requests(drafts, judgements)
        self._excuse_those_in_order(drafts, judgements)
        return judgements

    def _without_rounding(
        self,
        drafts: Sequence[Draft],
        shown: Sequence[Mapping[Spot, Divergence]],
        experiment: Experiment | None = None,
    ) -> list[Judgement]:
        """Return judgements in which rounding is excused, and unstable rows are told as such."""
        chosen = [self._choose(divergences) for divergences in shown]
        all_doubts = find_rounding(
            self.view,
            drafts,
            chosen,
            experiment or self.experiment,
            self.rounds,
        )
        pair = self.experiment.pair
        names = {"left": pair.left, "right": pair.right}
        judgements = []
        for divergences, doubts in zip(chosen, all_doubts, strict=True):
            judgement = Judgement(dict(divergences))
            for spot, verdict in doubts.verdicts.items():
                if verdict == "rounding":
                    judgement.excuse(spot, "rounding")
                elif verdict == "unstable":
                    unstable = replace(judgement.open.pop(spot), kind="unstable")
                    judgement.open[unstable.row, unstable.group] = unstable
                    judgement.sides[unstable.row, unstable.group] = names.get(doubts.sides[spot])
            judgements.append(judgement)
        return judgements

    def _choose(self, divergences: Mapping[Spot, Divergence]) -> Mapping[Spot, Divergence]:
        """Return the divergences that are asked about."""
        if self.only is None:
            return divergences
        groups = {self.only}
        # What is unstable shows as a value that differs, until it is looked at.
        if self.only[1] == "unstable":
            groups.add((self.only[0], "value", self.only[2]))
        elif self.only[1] == "value":
            groups.add((self.only[0], "unstable", self.only[2]))
        return {spot: divergence for spot, divergence in divergences.items() if spot[1] in groups}

    def _judge_variants(
        self, drafts: Sequence[Draft], asked: Sequence[Collection[Spot]]
    ) -> list[Judgement]:
        """Run drafts that were changed, if any, and excuse what is rounding in them.

        Args:
            drafts: the drafts.
            asked: for each, the spots of the unchanged draft that are asked about. What shows
                elsewhere says nothing of them, and would cost its copies.
        """
        runs = try_drafts(self.view, drafts, BATCH_AGAINST_ONLINE)
        asked_about = []
        for run, spots in zip(runs, asked, strict=True):
            # What is unstable there may differ by a value here, so the kind is left open.
            cells = {(row, group[0]) for row, group in spots}
            divergences = {}
            for spot, divergence in run.divergences.items():
                if (spot[0], spot[1][0]) in cells:
                    divergences[spot] = divergence
            asked_about.append(divergences)
        return self._without_rounding(drafts, asked_about, BATCH_AGAINST_ONLINE)

    def _excuse_late_requests(
        self, drafts: Sequence[Draft], judgements: Sequence[Judgement]
    ) -> None:
        """Excuse what differs only because a request came after an event of its own instant.

        It stands where prompt requests show it too, and where it is gone once those events lie a
        little later: then the side looks at their times, and not only at what came first.
        """
        trailing = _find_trailing(drafts, judgements)
        if not trailing:
            return
        prompt = self._judge_variants(
            [replace(drafts[index], lag=None) for index in trailing],
            [judgements[index].open for index in trailing],
        )
        when_prompt = dict(zip(trailing, prompt, strict=True))
        for length in (None, *LATER):
            self._excuse_where_later(drafts, judgements, when_prompt, length)

    def _excuse_where_later(
        self,
        drafts: Sequence[Draft],
        judgements: Sequence[Judgement],
        prompt: Mapping[int, Judgement],
        length: int | None,
    ) -> None:
        """Excuse what shows where events lie a little later, and not where requests are prompt.

        Args:
            drafts: all drafts.
            judgements: theirs.
            prompt: by number of a draft, what prompt requests show.
            length: how much later events lie; None: requests are for a tick earlier.
        """
        spots_of = {}
        for index, when_prompt in prompt.items():
            spots = [spot for spot in judgements[index].open if spot not in when_prompt.open]
            if spots:
                spots_of[index] = spots
        moved = [_make_later(drafts[index], length, self.view.tick) for index in spots_of]
        later = self._judge_variants(moved, list(spots_of.values()))
        for index, when_later in zip(spots_of, later, strict=True):
            _excuse_trust(judgements[index], prompt[index], when_later)

    def _excuse_those_in_order(
        self, drafts: Sequence[Draft], judgements: Sequence[Judgement]
    ) -> None:
        """Excuse what differs in order too: no fault of the delivery is needed for it."""
        faulty = []
        for index, draft in enumerate(drafts):
            # A scenario without a cause is no fault: there is nothing to take away from it.
            if judgements[index].open and draft.scenario.name in CAUSES:
                faulty.append(index)
        if not faulty:
            return
        in_order = self._judge_variants(
            [drafts[index].in_order() for index in faulty],
            [judgements[index].open for index in faulty],
        )
        for index, without_faults in zip(faulty, in_order, strict=True):
            judgement = judgements[index]
            for spot in list(judgement.open):
                if spot in without_faults.open:
                    judgement.excuse(spot, "in order too")


def judge(
    view: FeatureView,
    drafts: Sequence[Draft],
    *,
    alone: bool = False,
    experiment: Experiment = BATCH_AGAINST_ONLINE,
    only: Group | None = None,
    rounds: Sequence[Round] = THOROUGH,
) -> list[Judgement]:
    """Return, for each draft, which of its divergences stand, and why others do not.

    Args:
        view: the view.
        drafts: histories of one scenario.
        alone: no draft shares a batch call with another.
        experiment: whose divergences are looked for.
        only: the group that is asked about; None: all of them.
        rounds: the moved copies that tell rounding; few of them are quick.
    """
    row_judge = Judge(view, experiment, only, rounds)
    if alone:
        return [row_judge.judge([draft])[0] for draft in drafts]
    return row_judge.judge(drafts)


def _find_trailing(drafts: Sequence[Draft], judgements: Sequence[Judgement]) -> list[int]:
    """Return the drafts whose requests trail an event, and in which something is open."""
    trailing = []
    for index, draft in enumerate(drafts):
        if draft.lag is not None and judgements[index].open:
            trailing.append(index)
    return trailing


def _excuse_trust(judgement: Judgement, when_prompt: Judgement, when_later: Judgement) -> None:
    """Excuse the rows on which the online side trusts the order of delivery."""
    for spot in list(judgement.open):
        if spot not in when_later.open or spot in when_prompt.open:
            continue
        if spot in when_prompt.excused:
            judgement.excuse(spot, "late request", "rounding")
        else:
            judgement.excuse(spot, "late request")


def _make_later(draft: Draft, length: int | None, tick: int) -> Draft:
    """Return the draft with events of a request's instant past it; None: it asks a tick earlier."""
    if length is None:
        return _ask_earlier(draft, tick)
    return _move_past(draft, max(length - length % tick, tick))


def _ask_earlier(draft: Draft, tick: int) -> Draft:
    """Return the draft with requests for a tick earlier, which come as late as they did.

    So the events of their instant are past them, and as far from each other as they were.
    """
    asks = tuple(ask._replace(at=ask.at - tick) for ask in draft.spine)
    return replace(draft, spine=asks, lag=tick)


def _move_past(draft: Draft, length: int) -> Draft:
    """Return the draft with events at an `as_of` moved past it, still before the late request.

    Those that were so little past it make room: they come after the request, as they did. Requests
    keep their rows.
    """
    moments = {ask.at for ask in draft.spine}
    events = []
    for event in draft.events:
        if any(0 <= event.at - moment <= length for moment in moments):
            event = event._replace(at=event.at + length)  # noqa: PLW2901
        events.append(event)
    events.sort(key=lambda event: event.at)
    return replace(draft, events=tuple(events), lag=length)
