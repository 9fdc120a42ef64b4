"""Replay one given history: no generation, and small counterexamples all the same."""

import time
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

import numpy as np
import polars as pl

from skewtest import checks
from skewtest.checks.sketches import SketchCounts
from skewtest.compare.tables import Tally
from skewtest.declare.delivery import REPLAY, Delivery, Scenario
from skewtest.declare.view import AS_OF, FeatureView
from skewtest.generate.history import DELAY, History
from skewtest.results.finding import UNKNOWN, Finding
from skewtest.results.outcome import Outcome
from skewtest.results.values import Early, ExcusedRows, Seconds, list_excused, mutations_of
from skewtest.run import effort
from skewtest.run.confirm import findings_of
from skewtest.run.draft import Ask, Draft, Event, draft_of, pack_drafts
from skewtest.run.experiment import Trial
from skewtest.run.judge import Excused, Judge, Judgement, judge
from skewtest.run.noise import WHOLE_LOG
from skewtest.run.shown import Group, Spot, try_drafts
from skewtest.run.suspects import Suspect
from skewtest.times import instants_of

# The delay, in microseconds, with which an event reaches the online side before a request of its
# own instant.
JUST_BEFORE = -1


def replay_outcome(view: FeatureView, history: History) -> Outcome:
    """Return what a given history shows.

    Divergences are looked at closely, and minimised, on the events of their own entity where
    those alone show them.
    """
    began, cpu = time.perf_counter(), time.process_time()
    draft = draft_of(view, history)
    run = try_drafts(view, [draft])[0]
    trial = run.trial
    assert trial is not None  # a view's own two sides can always be asked
    judgement = Judge(view, rounds=WHOLE_LOG).sift([draft], [run.divergences])[0]
    suspects = _find_suspects(view, draft, judgement)
    sketches = SketchCounts(view)
    sketches.note(pack_drafts(view, [draft]), trial)
    suspects = [suspect for suspect in suspects if not sketches.excuses(*suspect.group[:2])]
    findings = []
    for finding in findings_of(view, suspects, effort.REPLAY):
        replayed = replace(finding, scenario=REPLAY, cause=_cause_of(finding))
        if view.reference is not None:
            replayed = checks.opinions.with_opinion(view, replayed)
        findings.append(replayed)
    untested: tuple[str, ...] = ()
    if not any(finding.is_news for finding in findings):
        untested = _features_without_value(view, trial)
    return Outcome(
        subject=view,
        scenario=REPLAY,
        seed=0,
        histories=1,
        planned=1,
        findings=tuple(findings),
        untested=untested,
        tallies=_tallies_without(trial, judgement.excused.values()),
        distances=trial.distances,
        mutated=mutations_of(trial.mutated),
        excused=_count_excused(judgement.excused.values()),
        seconds=Seconds(
            total=time.perf_counter() - began,
            cpu=time.process_time() - cpu,
            batch=trial.left.seconds,
            online=trial.right.seconds,
        ),
        early=_find_early(view, history),
    )


def arrive(view: FeatureView, history: History, same_instant: str) -> History:
    """Return a history whose events reach the online side as its log says they arrived.

    An event without an arrival, or with one before it happened, arrives at its own time.

    Args:
        view: the view.
        history: of the log, in order.
        same_instant: see `skewtest.replay`.
    """
    moments = history.spine[AS_OF].implode()
    events = {}
    for name, source in view.sources.items():
        frame = history.events[name]
        delay = np.zeros(frame.height, dtype=np.int64)
        if source.arrival is not None:
            at = instants_of(frame[source.time])
            late = instants_of(frame[source.arrival]) - at
            delay = late.fill_null(0).clip(lower_bound=0).to_numpy().copy()
        if same_instant == "event_first" and view.as_of == "exclusive":
            is_tied = frame[source.time].is_in(moments).to_numpy()
            delay[is_tied & (delay == 0)] = JUST_BEFORE
        if delay.any():
            frame = frame.with_columns(pl.Series(DELAY, delay, dtype=pl.Int64))
        events[name] = frame
    if not any(DELAY in frame.columns for frame in events.values()):
        return history
    late_enough = view.delivery.under("late").delivery if view.delivery.late is not None else None
    scenario = Scenario(REPLAY, late_enough or Delivery(clock=view.delivery.clock))
    return replace(history, events=events, scenario=scenario)


def _features_without_value(view: FeatureView, trial: Trial) -> tuple[str, ...]:
    """Return the features that had no value on either side."""
    features = []
    for name in view.features:
        if not trial.tallies.get(name, Tally()).compared:
            features.append(name)
    return tuple(features)


def _cause_of(finding: Finding) -> str:
    """Return the cause: lateness, where the smallest history still needs a late event."""
    example = finding.counterexample
    if finding.cause == UNKNOWN and example is not None:
        for frame in example.history.events.values():
            if DELAY in frame.columns and (frame[DELAY] > 0).any():
                return "late"
    return finding.cause


def _find_early(view: FeatureView, history: History) -> tuple[Early, ...]:
    """Return the events that arrived before they happened, by source."""
    early = []
    for name, source in view.sources.items():
        if source.arrival is None:
            continue
        is_early = pl.col(source.arrival) < pl.col(source.time)
        count = history.events[name].select(is_early).sum().item()
        if count:
            early.append(Early(source=name, events=count, arrival=source.arrival, time=source.time))
    return tuple(early)


def _tallies_without(trial: Trial, rows: Iterable[Excused]) -> Mapping[str, Tally]:
    """Return how rows compared, with those that are excused counted as such."""
    tallies = dict(trial.tallies)
    for row in rows:
        divergence = row.divergence
        if divergence.feature in tallies:
            tally = tallies[divergence.feature]
            tallies[divergence.feature] = tally.without(divergence)
    return tallies


def _count_excused(rows: Iterable[Excused]) -> tuple[ExcusedRows, ...]:
    return list_excused(Counter((row.divergence.feature, row.by) for row in rows))


def _find_suspects(view: FeatureView, draft: Draft, judgement: Judgement) -> list[Suspect]:
    """Return a suspect for each group that stands; rows that a close look excuses are moved."""
    suspects = []
    for group in list(judgement.standing):
        suspect = _find_suspect(view, draft, group, judgement)
        if suspect is not None:
            suspects.append(suspect)
    return suspects


def _find_suspect(
    view: FeatureView, draft: Draft, group: Group, judgement: Judgement
) -> Suspect | None:
    """Return the suspect of a group: on one request and its entity, else on the whole log.

    Rows are taken in turn until one stands: that one is excused says nothing of the next.
    """
    unresolved = []
    for spot in [spot for spot in judgement.open if spot[1] == group]:
        narrow = _confirm_narrowly(view, draft, spot, judgement)
        if narrow is not None:
            return narrow
        if spot in judgement.open:
            unresolved.append(spot)
    return _confirm_on_whole(view, draft, group, unresolved, judgement) if unresolved else None


def _confirm_narrowly(
    view: FeatureView, draft: Draft, spot: Spot, judgement: Judgement
) -> Suspect | None:
    """Return the suspect of a row on the events of its entity; None where those do not show it."""
    row, group = spot
    for candidate, own_row in _narrow_to_entity(view, draft, row):
        alone = judge(view, [candidate], only=group)[0]
        if group in alone.standing:
            return Suspect(group, candidate, 1, seen=judgement.open[spot])
        if (own_row, group) in alone.excused:
            judgement.excuse(spot, *alone.excused[own_row, group].by)
            return None
    return None


def _confirm_on_whole(
    view: FeatureView,
    draft: Draft,
    group: Group,
    spots: Sequence[Spot],
    judgement: Judgement,
) -> Suspect | None:
    """Return the suspect of a group that no entity shows by itself, on the whole log."""
    whole = judge(view, [draft], only=group)[0]
    still_open = []
    for spot in spots:
        if spot in whole.excused:
            judgement.excuse(spot, *whole.excused[spot].by)
        else:
            still_open.append(spot)
    if group in whole.standing:
        return Suspect(group, draft, 1, seen=whole.standing[group])
    if not still_open:
        return None
    # It was seen once, and not again: it is told as it was seen.
    return Suspect(group, draft, 1, seen=judgement.open[still_open[0]], recurs=False)


def _narrow_to_entity(view: FeatureView, draft: Draft, row: int) -> list[tuple[Draft, int]]:
    """Return the events of a request's entity with that request alone, and with all of its own.

    With each comes the row that the request has in it. A log has millions of events: the fewer a
    candidate has, the sooner it is small.
    """
    if row < 0:
        return []
    ask = draft.spine[row]
    events = tuple(event for event in draft.events if _is_of_entity(view, event, ask))
    asks: list[Ask] = []
    own_row = 0
    for number, request in enumerate(draft.spine):
        if number == row:
            own_row = len(asks)
        if request.entity == ask.entity:
            asks.append(request)
    narrow = replace(draft, events=events, spine=tuple(asks))
    return [(replace(narrow, spine=(ask,)), 0), (narrow, own_row)]


def _is_of_entity(view: FeatureView, event: Event, ask: Ask) -> bool:
    columns = view.sources[event.source].columns
    for name, value in zip(columns, event.values, strict=True):
        if name in view.entity and value not in ask.entity:
            return False
    return True
