"""Replay one given history: no generation, and small counterexamples all the same."""

import time
from dataclasses import replace

import polars as pl

from skewtest.checks.opinions import with_opinion
from skewtest.compare.tables import Tally
from skewtest.declare.view import FeatureView
from skewtest.generate.history import History
from skewtest.results.outcome import Outcome
from skewtest.results.values import Early, Seconds, mutations_of
from skewtest.run.confirm import Suspect, findings_of
from skewtest.run.draft import Ask, Draft, Event, draft_of, pack_drafts
from skewtest.run.effort import REPLAY
from skewtest.run.experiment import Trial, run_trial
from skewtest.run.judge import Group, judge


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
    for finding in findings_of(view, suspects, REPLAY):
        findings.append(with_opinion(view, replace(finding, scenario="replay")))
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


def _features_without_value(view: FeatureView, trial: Trial) -> tuple[str, ...]:
    """Return the features that had no value on either side."""
    features = []
    for name in view.features:
        if not trial.tallies.get(name, Tally()).compared:
            features.append(name)
    return tuple(features)


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
