"""Replay one given history: no generation, and small counterexamples all the same."""

import time
from dataclasses import replace

import polars as pl

from skewtest.compare.tables import Tally
from skewtest.declare.view import FeatureView
from skewtest.generate.history import History
from skewtest.results.outcome import Outcome
from skewtest.results.values import Early, Seconds, mutations_of
from skewtest.run.confirm import Suspect, findings_of
from skewtest.run.draft import Draft, draft_of, pack_drafts
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
    suspects = [_suspect(view, draft, *one) for one in _first_rows(trial).items()]
    stand = [suspect for suspect in suspects if suspect is not None]
    findings = [replace(finding, scenario="replay") for finding in findings_of(view, stand, REPLAY)]
    untested = [n for n in view.features if not trial.tallies.get(n, Tally()).compared]
    return Outcome(
        subject=view,
        scenario="replay",
        seed=0,
        histories=1,
        planned=1,
        findings=tuple(findings),
        untested=() if findings else tuple(untested),
        tallies=trial.tallies,
        distances=trial.distances,
        mutated=mutations_of(trial.mutated),
        unconfirmed=len(suspects) - len(stand),
        seconds=Seconds(
            total=time.perf_counter() - began,
            cpu=time.process_time() - cpu,
            batch=trial.left.seconds,
            online=trial.right.seconds,
        ),
        early=_early(view, history),
    )


def _early(view: FeatureView, history: History) -> tuple[Early, ...]:
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


def _suspect(view: FeatureView, draft: Draft, group: Group, row: int) -> Suspect | None:
    """Return the suspect of a divergence: on one request and its entity, else on the whole log."""
    if row >= 0:
        ask = draft.spine[row]
        own = tuple(
            event
            for event in draft.events
            if all(
                value in ask.entity
                for name, value in zip(
                    view.sources[event.source].columns, event.values, strict=True
                )
                if name in view.entity
            )
        )
        asks = tuple(a for a in draft.spine if a.entity == ask.entity)
        alone = replace(draft, events=own, spine=asks)
        for part in (replace(draft, events=own, spine=(ask,)), alone):
            if group in judge(view, [part])[0]:
                return Suspect(group, part, 1)
    return Suspect(group, draft, 1) if group in judge(view, [draft])[0] else None
