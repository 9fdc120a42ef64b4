"""The law of a sketch over a run: how many of its answers are beyond their bound."""

import math
from collections import Counter
from dataclasses import dataclass, field
from itertools import product

from skewtest.compare.values import nothing_of
from skewtest.declare.inexact import SketchError
from skewtest.declare.tolerance import Close
from skewtest.declare.view import FeatureView
from skewtest.generate.history import LANE, Pack
from skewtest.run.experiment import Trial

# A sketch that keeps its law is accused once in so many runs.
CHANCE = 1e-6


@dataclass(slots=True)
class SketchCounts:
    """How many answers of sketches were compared, and how many were beyond their bound.

    An entity is counted once in a history, at its last request: a sketch that is off stays off for
    many requests, which are no evidence of their own.

    Attributes:
        view: the view.
        compared: by feature.
        beyond: by feature.
    """

    view: FeatureView
    compared: Counter[str] = field(default_factory=Counter)
    beyond: Counter[str] = field(default_factory=Counter)

    def note(self, pack: Pack, trial: Trial) -> None:
        """Take note of what a pack showed."""
        names = [name for name in self.view.features if self._share(name) is not None]
        if not names:
            return
        last_rows = _last_rows(self.view, pack)
        differing = set()
        for divergences in trial.divergences.values():
            differing |= {(divergence.row, divergence.feature) for divergence in divergences}
        for row, name in product(last_rows, names):
            answers = trial.left.values[name][row], trial.right.values[name][row]
            if nothing_of(answers[0]) is None or nothing_of(answers[1]) is None:
                self.compared[name] += 1
                self.beyond[name] += (row, name) in differing

    def excuses(self, feature: str, kind: str) -> bool:
        """Return whether a divergence is one of those that the law of its feature allows."""
        share = self._share(feature)
        if share is None or kind != "value":
            return False
        return chance_of(self.beyond[feature], self.compared[feature], share) >= CHANCE

    def _share(self, feature: str) -> float | None:
        """Return the share of answers that may be beyond the bound; None of other features."""
        tolerance = self.view.features.get(feature)
        if not isinstance(tolerance, Close) or not isinstance(tolerance.law, SketchError):
            return None
        return 1 - tolerance.law.probability


def _last_rows(view: FeatureView, pack: Pack) -> list[int]:
    """Return the last spine row of each entity of each history."""
    columns = [pack.spine[name].to_list() for name in (LANE, *view.entity)]
    rows = {key: row for row, key in enumerate(zip(*columns, strict=True))}
    return list(rows.values())


def chance_of(least: int, trials: int, share: float) -> float:
    """Return how likely at least so many of the trials are, each of which is one with `share`.

    The upper tail of the binomial distribution: the sum over k >= least of
    C(n, k) share**k (1 - share)**(n - k).
    """
    total = 0.0
    for number in range(least, trials + 1):
        ways = math.lgamma(trials + 1) - math.lgamma(number + 1) - math.lgamma(trials - number + 1)
        odds = number * math.log(share) + (trials - number) * math.log1p(-share)
        total += math.exp(ways + odds)
    return min(total, 1.0)
