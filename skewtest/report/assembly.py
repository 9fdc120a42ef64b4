"""What a check found, as the data of a report."""

import time
from pathlib import Path
from typing import Any

import msgspec

from skewtest.compare.distances import Distances
from skewtest.declare.view import FeatureView
from skewtest.errors import DeclarationError, listed, nearest
from skewtest.report import model
from skewtest.report.document import errors_of, part_of
from skewtest.report.merging import whole_or_nothing
from skewtest.report.model import encodable
from skewtest.report.provenance import run_info, view_info
from skewtest.results.outcome import Outcome, PlainFunction

View = FeatureView | PlainFunction
Outcomes = tuple[Outcome, ...]


def json_of(view: View, outcomes: Outcomes, again: str) -> dict[str, Any]:
    """Return the report of a check as JSON values."""
    return model.to_dict(report_of_check(view, outcomes, again))


def report_of_check(view: View, outcomes: Outcomes, again: str) -> model.Report:
    """Return the report of a check, with where it comes from."""
    seconds = sum(outcome.seconds.total for outcome in outcomes)
    part = part_of_check(view, outcomes, again, Path.cwd())
    run = run_info(
        part,
        command=again,
        profile="",
        began=time.time() - seconds,
        root=Path.cwd(),
    )
    return encodable(whole_or_nothing(msgspec.structs.replace(part, run=run)))


def part_of_check(view: View, outcomes: Outcomes, again: str, root: Path) -> model.Report:
    """Return what a check found as a part of a report, whose paths are relative to a folder."""
    # A plain function, compared under two environments, has no view.
    views = [view_info(view, root)] if isinstance(view, FeatureView) else []
    return part_of(outcomes, views, again)


def errors_to_plot(outcomes: Outcomes, feature: str, scenario: str) -> model.Errors:
    """Return how far apart the numbers of a feature are under a scenario.

    Raises:
        DeclarationError: there are no numbers of such a feature and scenario.
    """
    distances = {}
    for outcome in outcomes:
        for name, distance in outcome.distances.items():
            # A feature of texts is compared as well, and has no distances.
            if distance.compared:
                distances[outcome.scenario, name] = distance
    errors = errors_of(distances.get((scenario, feature), Distances()))
    if errors is not None:
        return errors
    features = dict.fromkeys(name for _, name in distances)
    scenarios = dict.fromkeys(name for name, _ in distances)
    alternatives = "nor others"
    if distances:
        alternatives = f"there are those of {listed(features)} under {listed(scenarios)}"
    raise DeclarationError(
        f"there are no numbers of {feature!r} under {scenario!r}; {alternatives}."
        + nearest(feature, features)
    )
