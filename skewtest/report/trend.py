"""The history of a project's parity: a line for each run, and what a trend page shows of them."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import msgspec

from skewtest.report import model
from skewtest.report.grid import GATING, STATES, State, grid_of
from skewtest.report.reading import bytes_from_file
from skewtest.report.summary import histories


class FeaturePoint(model.Part, frozen=True, kw_only=True):
    """A feature in one run: what it came to, and its largest error in ulps in any scenario."""

    state: State
    max_ulps: float | None
    smape: float | None


class Point(model.Part, frozen=True, kw_only=True):
    """One run in a history file."""

    line: Literal[1] = 1
    time: str
    verdict: model.Verdict
    revision: str
    dirty: bool
    seconds: float
    histories: int
    features: dict[str, FeaturePoint]


@dataclass(frozen=True, slots=True)
class History:
    """What a history file holds: the runs from first to last, and the lines that are none."""

    points: tuple[Point, ...]
    broken: tuple[str, ...] = ()


def point_of(report: model.Report) -> Point:
    """Return a report as a point of a trend."""
    # A report that `check()` made says nothing of all this.
    time, seconds, revision, dirty = "", 0.0, "", False
    if report.run is not None:
        time, seconds = report.run.time, report.run.seconds
        if report.run.git is not None:
            revision, dirty = report.run.git.revision, report.run.git.dirty
    errors = _errors_by_feature(report)
    features = {}
    # Of two features that are called alike, the one that needs a look first comes last.
    for row in sorted(grid_of(report).rows, key=lambda row: -STATES.index(row.state)):
        # A feature without cells was not checked: it has a gap there, not a state.
        if row.cells:
            features[row.name] = _feature_point(row.state, errors.get(row.name, []))
    return Point(
        time=time,
        verdict=report.verdict,
        revision=revision,
        dirty=dirty,
        seconds=seconds,
        histories=sum(histories(report).values()),
        features=features,
    )


def _errors_by_feature(report: model.Report) -> dict[str, list[model.Errors]]:
    errors: dict[str, list[model.Errors]] = {}
    for outcome in report.outcomes:
        for name, tally in outcome.features.items():
            if tally.errors is not None:
                errors.setdefault(f"{outcome.view}.{name}", []).append(tally.errors)
    return errors


def _feature_point(state: State, errors: Sequence[model.Errors]) -> FeaturePoint:
    return FeaturePoint(
        state=state,
        max_ulps=max((each.ulps.max for each in errors), default=None),
        smape=max((each.smape for each in errors), default=None),
    )


def line_of(point: Point) -> bytes:
    """Return a point as a line of a history file, its newline included."""
    return msgspec.json.encode(point) + b"\n"


def read_history(path: Path) -> History:
    """Return what a history file holds. A line that is cut off or strange is named, and left out.

    Raises:
        ReportError: the file cannot be read, or is too large.
    """
    lines = bytes_from_file(path).splitlines()
    points, broken = [], []
    for number, line in enumerate(lines, 1):
        # Lines that somebody has left empty by hand are no runs that are broken.
        if not line.strip():
            continue
        try:
            point = msgspec.json.decode(line, type=Point)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            broken.append(f"line {number} of {path} is no run: {error}")
            continue
        failing = [name for name, feature in point.features.items() if feature.state == "fails"]
        if point.verdict == "parity" and failing:
            claim = f"its verdict is parity, and {failing[0]} fails"
            broken.append(f"line {number} of {path} contradicts itself: {claim}")
        else:
            points.append(point)
    # Runs side by side append when they end, and their time is when they began.
    return History(tuple(sorted(points, key=lambda point: point.time)), tuple(broken))


@dataclass(frozen=True, slots=True)
class Streak:
    """A feature over time.

    Attributes:
        name: view and feature.
        states: one for each run, None where it was not checked.
        since: the time of the run since which it has been what it is now.
        ulps: the largest error of each run, None where there is none.
    """

    name: str
    states: tuple[State | None, ...]
    since: str
    ulps: tuple[float | None, ...]

    @property
    def fails(self) -> bool:
        """Whether it fails now."""
        return self.states[-1] in GATING


def streaks(points: Sequence[Point]) -> list[Streak]:
    """Return each feature over time; those that fail now first, then by name."""
    names: set[str] = set()
    for point in points:
        names.update(point.features)
    unsorted = [_streak(name, points) for name in names]
    return sorted(unsorted, key=lambda streak: (not streak.fails, streak.name))


def _streak(name: str, points: Sequence[Point]) -> Streak:
    """Return a feature over time; there is a point of at least one run."""
    states: list[State | None] = []
    ulps: list[float | None] = []
    for point in points:
        feature = point.features.get(name)
        if feature is None:
            states.append(None)
            ulps.append(None)
        else:
            states.append(feature.state)
            ulps.append(feature.max_ulps)
    since = len(states) - 1
    while since and states[since - 1] == states[-1]:
        since -= 1
    return Streak(name, tuple(states), points[since].time, tuple(ulps))


def heights(values: Iterable[float | None]) -> list[int | None]:
    """Return errors in ulps as heights of 0 to 8: their magnitudes in bits, eight to a step."""
    return [None if value is None else _height(value) for value in values]


def _height(ulps: float) -> int:
    # Rounding is a few bits and another number some fifty: these steps tell them apart.
    bits = int(ulps).bit_length()
    return min(8, math.ceil(bits / 8))
