"""Replay one given history: no generation, and small counterexamples all the same."""

import time
from dataclasses import replace
from typing import Literal, TypeAlias

import numpy as np
import polars as pl

from skewtest.checks.opinions import with_opinion
from skewtest.compare.tables import Tally
from skewtest.declare.delivery import REPLAY, Delivery, Scenario
from skewtest.declare.view import AS_OF, FeatureView
from skewtest.generate.history import DELAY, History
from skewtest.results.finding import UNKNOWN, Finding
from skewtest.results.outcome import Outcome
from skewtest.results.values import Early, Seconds, mutations_of
from skewtest.run import effort
from skewtest.run.confirm import Suspect, findings_of
from skewtest.run.draft import Ask, Draft, Event, draft_of, pack_drafts
from skewtest.run.experiment import Trial, run_trial
from skewtest.run.judge import Group, judge
from skewtest.times import instants_of

SameInstant: TypeAlias = Literal["request_first", "event_first"]
JUST_BEFORE = -1
"""The delay, in microseconds, with which an event reaches the online side before a request of its
own instant."""


def replay_outcome(view: FeatureView, history: History) -> Outcome:
    """Return what a given history shows.

    Divergences are looked at closely, and minimised, on the events of their own entity where
    those alone show them.
    """
    began, cpu = time.perf_counter(), time.process_time()
    draft = draft_of(view, history)
    pack = pack_drafts(view, [draft])
    trial = run_trial(view, pack)
    suspects: list[Suspect] = []
    unconfirmed = 0
    for group, row in _first_rows(trial).items():
        suspect = _find_suspect(view, draft, group, row)
        if suspect is None:
            unconfirmed += 1
        else:
            suspects.append(suspect)
    findings = []
    for finding in findings_of(view, suspects, effort.REPLAY):
        replayed = replace(finding, scenario="replay", cause=_cause_of(finding))
        findings.append(with_opinion(view, replayed))
    untested: tuple[str, ...] = ()
    if not findings:
        untested = _features_without_value(view, trial)
    return Outcome(
        subject=view,
        scenario="replay",
        seed=0,
        histories=1,
        planned=1,
        findings=tuple(findings),
        untested=untested,
        tallies=trial.tallies,
        distances=trial.distances,
        mutated=mutations_of(trial.mutated),
        unconfirmed=unconfirmed,
        seconds=Seconds(
            total=time.perf_counter() - began,
            cpu=time.process_time() - cpu,
            batch=trial.left.seconds,
            online=trial.right.seconds,
        ),
        early=_find_early(view, history),
    )


def arrive(view: FeatureView, history: History, same_instant: SameInstant) -> History:
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


def _first_rows(trial: Trial) -> dict[Group, int]:
    rows: dict[Group, int] = {}
    for divergences in trial.divergences.values():
        for divergence in divergences:
            rows.setdefault(divergence.group, divergence.row)
    return rows


def _find_suspect(view: FeatureView, draft: Draft, group: Group, row: int) -> Suspect | None:
    """Return the suspect of a divergence: on one request and its entity, else on the whole log."""
    candidates = [draft]
    if row >= 0:
        # A log has millions of events: the fewer a candidate has, the sooner it is small.
        candidates = [*_narrow_to_entity(view, draft, row), draft]
    for candidate in candidates:
        if group in judge(view, [candidate])[0]:
            return Suspect(group, candidate, 1)
    return None


def _narrow_to_entity(view: FeatureView, draft: Draft, row: int) -> tuple[Draft, Draft]:
    """Return the events of a request's entity with that request alone, and with all of its own."""
    ask = draft.spine[row]
    events = tuple(event for event in draft.events if _is_of_entity(view, event, ask))
    asks = tuple(request for request in draft.spine if request.entity == ask.entity)
    narrow = replace(draft, events=events, spine=asks)
    return replace(narrow, spine=(ask,)), narrow


def _is_of_entity(view: FeatureView, event: Event, ask: Ask) -> bool:
    columns = view.sources[event.source].columns
    for name, value in zip(columns, event.values, strict=True):
        if name in view.entity and value not in ask.entity:
            return False
    return True
