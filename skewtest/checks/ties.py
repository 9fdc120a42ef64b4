"""Requests at the instant of an event of their own entity: which of the two came first."""

from dataclasses import replace
from typing import Literal, TypeAlias

import numpy as np
import polars as pl

from skewtest.checks.replay import arrive, replay_outcome
from skewtest.declare.view import AS_OF, FeatureView
from skewtest.generate.history import History
from skewtest.results.outcome import Outcome
from skewtest.results.values import Tied
from skewtest.times import instants_of

SameInstant: TypeAlias = Literal["request_first", "event_first"]


def replay_in_order(
    view: FeatureView, history: History, same_instant: SameInstant | None
) -> Outcome:
    """Return what a log shows in the given order of one instant, or in both where none is given.

    The verdict is that of "request_first" then: a side that scores a payment and learns of it
    afterwards is right, and wrong in the other order alone. So what only that order shows is told
    beside the verdict, never as a finding.

    Args:
        view: the view.
        history: of the log, in order.
        same_instant: see `skewtest.replay`.
    """
    if same_instant is not None:
        return replay_outcome(view, arrive(view, history, same_instant))
    outcome = replay_outcome(view, arrive(view, history, "request_first"))
    requests = count_tied(view, history)
    if not requests:
        return outcome
    swapped = replay_outcome(view, arrive(view, history, "event_first"))
    features = _features_with_news(swapped) - _features_with_news(outcome)
    return replace(outcome, tied=Tied(requests=requests, features=tuple(sorted(features))))


def count_tied(view: FeatureView, history: History) -> int:
    """Return how many requests an event of their entity shares `as_of` with, in any source.

    None does under `as_of="inclusive"`, where events come first always. An event that arrives
    later than it happened is not at the request's instant.
    """
    if view.as_of == "inclusive":
        return 0
    is_tied = np.zeros(history.spine.height, dtype=bool)
    requests = history.spine.with_columns(instants_of(history.spine[AS_OF]).alias("#at"))
    for name, source in view.sources.items():
        frame = history.events[name]
        at = instants_of(frame[source.time])
        shared = [column for column in view.entity if column in source.columns]
        moments = frame.select(*shared, at.alias("#at"))
        if source.arrival is not None:
            arrived = instants_of(frame[source.arrival])
            moments = moments.filter((arrived <= at).fill_null(value=True))
        marked = requests.join(
            moments.unique().with_columns(pl.lit(value=True).alias("#met")),
            on=[*shared, "#at"],
            how="left",
            nulls_equal=True,
            maintain_order="left",
        )
        is_tied |= marked["#met"].fill_null(value=False).to_numpy()
    return int(is_tied.sum())


def _features_with_news(outcome: Outcome) -> set[str]:
    return {finding.feature for finding in outcome.findings if finding.is_news}
