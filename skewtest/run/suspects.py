"""Which divergences of a pack stand once they are looked at closely: suspects, row by row."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice
from typing import Any

from skewtest.compare.rounding import is_doubtful, relative_size
from skewtest.compare.tables import Divergence
from skewtest.declare.view import FeatureView
from skewtest.generate.history import LANE, Pack
from skewtest.run.draft import Draft, draft_of
from skewtest.run.experiment import Trial, answers_at, run_trial
from skewtest.run.judge import Excused, Judgement, judge
from skewtest.run.noise import QUICK
from skewtest.run.shown import Group, try_drafts
from skewtest.run.two_runs import divergence_between_runs, nondeterministic_side

TIMEOUT = "timeout"
# Relative: real differences above it are to be found wherever they show, and two orders of
# addition differ by less, unless the data cancel; such data show their rounding alone as well.
TINY = 1e-9
# Histories of a pack that are looked at first for each group of divergences.
SUSPECTS = 3

# So often a pack is run again for another answer: code that is wrong in a fifth of its calls gives
# the same wrong one once more in 4 of 100 cases, and five times in 3 of 10,000.
RERUNS = 4


@dataclass(frozen=True, slots=True)
class Suspect:
    """A divergence seen in a pack: its group, its history, and where it was seen.

    Attributes:
        group: feature, kind and failure of the divergence.
        draft: its history.
        found_at: the number of its history in the run, from 1.
        alone: False where it shows only in company; then `draft` holds the whole company.
        restless: set where a side answers otherwise the second time: it, and what it answered.
        seen: the divergence as it was seen first, on the rows of `draft`.
        values: what both sides answered then, by feature.
        recurs: False where nothing that was tried shows it again.
    """

    group: Group
    draft: Draft
    found_at: int
    alone: bool = True
    restless: tuple[str, Divergence] | None = None
    seen: Divergence | None = None
    values: Mapping[str, tuple[Any, Any]] = field(default_factory=dict)
    recurs: bool = True

    @property
    def is_hang(self) -> bool:
        """Whether user code did not return in time."""
        return self.group[1] == TIMEOUT


@dataclass(slots=True)
class Confirmation:
    """What looking closely at the divergences of a pack came to.

    Attributes:
        suspects: one for each group that stands.
        excused: how many rows do not, by feature and the rules that excuse them together.
        trusts_order: whether a late request was excused.
    """

    suspects: dict[Group, Suspect] = field(default_factory=dict)
    excused: list[Excused] = field(default_factory=list)

    @property
    def trusts_order(self) -> bool:
        """Whether the online side was found to trust the order of delivery."""
        return any("late request" in row.by for row in self.excused)


def confirm_divergences(
    view: FeatureView,
    pack: Pack,
    trial: Trial,
    offset: int,
    is_wanted: Callable[[Suspect], bool],
) -> Confirmation:
    """Look closely at the divergences of a pack, row by row.

    The smallest histories of each group go first. Where none of those stands, all others are looked
    at: that a row is excused says nothing of the next one.

    Args:
        view: the view.
        pack: the histories.
        trial: what they showed.
        offset: how many histories the run had tried before.
        is_wanted: whether a suspect would be news.
    """
    look = CloseLook(view)
    confirmation = look.confirmation
    suspects = suspects_of(view, pack, trial, offset, is_wanted)
    looked_at: dict[Group, list[Suspect]] = {}
    for portion in (SUSPECTS, None):
        waiting: list[Suspect] = []
        for group, of_group in suspects.items():
            if group not in confirmation.suspects:
                waiting += islice(of_group, portion)
        for suspect in waiting:
            looked_at.setdefault(suspect.group, []).append(suspect)
        look.judge(waiting)
    restless = _find_restless(view, looked_at, look)
    for group, of_looked in looked_at.items():
        shows_again = look.shows_again[group] and group not in restless
        if not shows_again and group not in confirmation.suspects:
            _settle_seen_once(view, pack, trial, of_looked, confirmation)
    for judgement in look.judgements.values():
        confirmation.excused += judgement.excused.values()
    return confirmation


def _settle_seen_once(
    view: FeatureView,
    pack: Pack,
    trial: Trial,
    suspects: Sequence[Suspect],
    confirmation: Confirmation,
) -> None:
    """Settle a group that no history shows again: what is more than rounding is a suspect."""
    larger = [suspect for suspect in suspects if not _is_rounding_of_company(view, suspect)]
    if larger:
        explained = _explain_in_company(view, pack, trial, larger[0])
        confirmation.suspects[explained.group] = explained
        return
    for suspect in suspects:
        if suspect.seen is not None:
            confirmation.excused.append(Excused(suspect.seen, ("rounding",)))


def _is_rounding_of_company(view: FeatureView, suspect: Suspect) -> bool:
    """Return whether floats that differed a little, and do not alone, have done so by rounding.

    Libraries add up a large table in another order than a small one, and by several threads in
    another order each time, so that the last digits of an answer hang on its company.
    """
    if suspect.seen is None or not is_doubtful(view, suspect.seen):
        return False
    return relative_size(suspect.seen) <= TINY


def _find_restless(
    view: FeatureView, suspects: Mapping[Group, Sequence[Suspect]], look: "CloseLook"
) -> set[Group]:
    """Return the excused groups that show no more when the same histories are simply run again.

    An excuse is that a difference goes away under a small change. Where it goes away by itself, a
    side that answers as it likes would have that for an excuse.
    """
    excused = look.list_excused(suspects)
    if not excused:
        return set()
    drafts = list({id(suspect.draft): suspect.draft for suspect in excused}.values())
    again: set[Group] = set()
    for result in try_drafts(view, drafts):
        again.update(group for _, group in result.divergences)
    return {suspect.group for suspect in excused} - again


def suspects_of(
    view: FeatureView,
    pack: Pack,
    trial: Trial,
    offset: int,
    is_wanted: Callable[[Suspect], bool],
) -> dict[Group, Iterator[Suspect]]:
    """Return the suspects of each group of divergences, smallest histories first.

    A history becomes a draft when its suspect is asked for: most are not.
    """
    lanes_of_group: dict[Group, dict[int, Divergence]] = {}
    for lane, divergences in trial.divergences.items():
        for divergence in divergences:
            lanes_of_group.setdefault(divergence.group, {}).setdefault(lane, divergence)
    # Groups of one history share its draft, so that it is judged once for all of them.
    drafts: dict[int, Draft] = {}
    sizes = _count_events(pack)

    def list_suspects(group: Group, seen: Mapping[int, Divergence]) -> Iterator[Suspect]:
        # Those whose requests trail an event come last.
        for lane in sorted(seen, key=lambda lane: (lane in pack.lags, sizes[lane], lane)):
            if lane not in drafts:
                drafts[lane] = draft_of(view, pack.history(lane))
            suspect = Suspect(group, drafts[lane], offset + lane + 1)
            if is_wanted(suspect):
                yield _note_first_sight(suspect, pack, trial, lane, seen[lane])

    return {group: list_suspects(group, seen) for group, seen in lanes_of_group.items()}


def _note_first_sight(
    suspect: Suspect, pack: Pack, trial: Trial, lane: int, divergence: Divergence
) -> Suspect:
    """Return a suspect with what the pack has shown, on the rows of its own history."""
    values = answers_at(trial, divergence.row)
    if divergence.row >= 0:
        before = pack.spine[LANE][: divergence.row].to_numpy()
        divergence = replace(divergence, row=int((before == lane).sum()))
    return replace(suspect, seen=divergence, values=values)


def _count_events(pack: Pack) -> Counter[int]:
    sizes: Counter[int] = Counter()
    for frame in pack.events.values():
        sizes.update(dict(frame[LANE].value_counts().iter_rows()))
    return sizes


@dataclass(slots=True)
class CloseLook:
    """The close look at the suspects of one pack.

    Attributes:
        view: the view.
        confirmation: what it has come to so far.
        judgements: by the identity of a draft, what it shows.
        shows_again: by group, whether some history shows it when it is run once more.
        alone: by the identity of a draft, those that have had a call of their own.
    """

    view: FeatureView
    confirmation: Confirmation = field(default_factory=Confirmation)
    judgements: dict[int, Judgement] = field(default_factory=dict)
    shows_again: dict[Group, bool] = field(default_factory=dict)
    alone: set[int] = field(default_factory=set)

    def has_shown(self, suspect: Suspect) -> bool:
        """Return whether the history of a suspect has shown its group when it was judged."""
        judgement = self.judgements.get(id(suspect.draft))
        return judgement is not None and judgement.shows(suspect.group)

    def list_excused(self, suspects: Mapping[Group, Sequence[Suspect]]) -> list[Suspect]:
        """Return, for each group of which nothing stands, a few suspects that have shown it."""
        excused: list[Suspect] = []
        for group, of_group in suspects.items():
            if group not in self.confirmation.suspects:
                excused += list(filter(self.has_shown, of_group))[:SUSPECTS]
        return excused

    def judge(self, suspects: Sequence[Suspect]) -> None:
        """Judge the drafts of suspects, together and then alone, until one of each group stands."""
        slow: list[Suspect] = []
        quick: list[Suspect] = []
        for suspect in suspects:
            self.shows_again.setdefault(suspect.group, False)
            (slow if suspect.is_hang else quick).append(suspect)
        for suspect in slow:
            self._confirm_hang(suspect)
        for suspect in self._list_plain(quick):
            self._judge_alone(suspect)
        self._judge_together(quick)
        for suspect in quick:
            self._judge_alone(suspect)

    def _list_plain(self, suspects: Sequence[Suspect]) -> list[Suspect]:
        """Return the first suspect of each group whose first sight no rounding can explain.

        It most likely stands, and then the others need not be run.
        """
        firsts: dict[Group, Suspect] = {}
        for suspect in suspects:
            firsts.setdefault(suspect.group, suspect)
        plain = []
        for suspect in firsts.values():
            if suspect.seen is not None and not is_doubtful(self.view, suspect.seen):
                plain.append(suspect)
        return plain

    def _judge_together(self, suspects: Sequence[Suspect]) -> None:
        """Judge the drafts of suspects in one batch call, with the few copies that excuse most."""
        drafts: dict[int, Draft] = {}
        for suspect in suspects:
            if suspect.group not in self.confirmation.suspects:
                drafts[id(suspect.draft)] = suspect.draft
        new_drafts = [draft for key, draft in drafts.items() if key not in self.judgements]
        # A single one gets the call of its own at once.
        if len(new_drafts) == 1:
            return
        judgements = judge(self.view, new_drafts, rounds=QUICK)
        for draft, judgement in zip(new_drafts, judgements, strict=True):
            self.judgements[id(draft)] = judgement

    def _confirm_hang(self, suspect: Suspect) -> None:
        """Run a hang once more: it has no excuse, and each run costs its whole limit."""
        if suspect.group in self.confirmation.suspects:
            return
        run = try_drafts(self.view, [suspect.draft])[0]
        if any(group == suspect.group for _, group in run.divergences):
            self.shows_again[suspect.group] = True
            self.confirmation.suspects[suspect.group] = suspect

    def _judge_alone(self, suspect: Suspect) -> None:
        """Confirm a suspect by a call of its own and many copies."""
        group, key = suspect.group, id(suspect.draft)
        if group in self.confirmation.suspects:
            return
        judgement = self.judgements.get(key)
        # What is excused already needs neither.
        if judgement is None or not (_is_excused(judgement, group) or key in self.alone):
            judgement = self.judgements[key] = judge(self.view, [suspect.draft])[0]
            self.alone.add(key)
        self.shows_again[group] |= judgement.shows(group)
        for standing in (group, (group[0], "unstable", group[2])):
            if standing in judgement.standing:
                self.confirmation.suspects.setdefault(standing, replace(suspect, group=standing))


def _is_excused(judgement: Judgement, group: Group) -> bool:
    """Return whether a draft shows a group, and each of its rows is excused."""
    return judgement.shows(group) and group not in judgement.standing


def _explain_in_company(view: FeatureView, pack: Pack, trial: Trial, suspect: Suspect) -> Suspect:
    """Return a suspect that does not show alone, with what explains it.

    Entities may mix, or a side may be nondeterministic. Where neither shows, what was seen is told,
    and nothing is claimed.
    """
    company = draft_of(view, pack.together())
    if suspect.group in judge(view, [company])[0].standing:
        return replace(suspect, draft=company, alone=False)
    for _ in range(RERUNS):
        second = run_trial(view, pack)
        side = nondeterministic_side(trial, second)
        if side is not None:
            return replace(suspect, restless=(side, divergence_between_runs(trial, second, side)))
    return replace(suspect, recurs=False)
