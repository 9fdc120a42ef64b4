"""Whether a report can have been written by a run: what it says must follow from its own parts.

These are accidents and edits that are looked for, not forgery: who writes a whole report by hand
can make one that holds together. Sign the file where that matters.
"""

import math
from collections.abc import Iterable, Iterator
from typing import Any

import msgspec

from skewtest.declare.delivery import RELATIONS
from skewtest.report import model
from skewtest.report.verdict import derive_verdict, is_alike, is_ok, list_gaps
from skewtest.results.finding import ALL_FEATURES
from skewtest.sides.columns import EXACT_INTS


def list_contradictions(report: model.Report) -> list[str]:
    """Return what of a report does not follow from the rest of it, a clause each."""
    return [
        *_find_impossible_numbers(report, "the report"),
        *_check_verdict(report),
        *_check_gaps(report),
        *_check_views(report),
        *_check_outcomes(report),
        *_check_comparisons(report),
    ]


def _check_verdict(report: model.Report) -> Iterator[str]:
    verdict = derive_verdict(report)
    if report.verdict != verdict:
        yield f"verdict is {report.verdict!r}, and its outcomes and gaps come to {verdict!r}"
    is_parity = verdict == "parity"
    if report.ok != is_parity:
        yield f"ok is {_word(report.ok)}, and the verdict is {verdict!r}"


def _check_gaps(report: model.Report) -> Iterator[str]:
    stated = set(report.incomplete)
    for gap in list_gaps(report.outcomes, report.matrix):
        if gap not in stated:
            yield f"incomplete does not say that {gap}"


def _check_views(report: model.Report) -> Iterator[str]:
    """Tell of outcomes of views that are not there, and of views of which nothing is said."""
    declared = {view.name for view in report.views}
    checked = {outcome.view for outcome in report.outcomes}
    for name in sorted(checked - declared):
        yield f"outcomes has the view {name!r}, and views has not"
    for name in sorted(declared - checked):
        if report.verdict == "parity" and not _is_compared(report, name):
            yield f"views has {name!r}, and no outcome is of it"


def _is_compared(report: model.Report, view: str) -> bool:
    """Return whether environments were compared on a view."""
    return any(spread.view == view for spread in report.versions)


def _check_outcomes(report: model.Report) -> Iterator[str]:
    features = _list_declared(report.views)
    failing = {outcome.view for outcome in report.outcomes if outcome.news}
    for number, outcome in enumerate(report.outcomes):
        claims = list(_check_outcome(outcome, features.get(outcome.view, set())))
        if outcome.view not in failing:
            claims += _check_features(outcome, features.get(outcome.view, set()))
        # What was found elsewhere may have ended a view before its other checks began.
        if _looks_at_nothing(outcome) and outcome.view not in failing:
            claims.append("ok is true, and it was tried on 0 histories")
        for claim in claims:
            yield f"outcomes[{number}] ({outcome.view}, {outcome.column}): {claim}"


def _list_declared(views: Iterable[model.View]) -> dict[str, set[str]]:
    """Return the features of each view by its name; views of one name have theirs together."""
    features: dict[str, set[str]] = {}
    for view in views:
        names = features.setdefault(view.name, set())
        names.update(feature.name for feature in view.features)
    return features


def _looks_at_nothing(outcome: model.Outcome) -> bool:
    return outcome.ok and outcome.is_judged and not outcome.histories


def _check_outcome(outcome: model.Outcome, declared: set[str]) -> Iterator[str]:
    if outcome.ok != is_ok(outcome):
        yield f"ok is {_word(outcome.ok)}, and its findings and gaps say {_word(not outcome.ok)}"
    named = dict.fromkeys(outcome.features)
    named.update(dict.fromkeys(finding.feature for finding in outcome.findings))
    for name in named:
        if name not in declared and name != ALL_FEATURES:
            yield f"it speaks of the feature {name!r}, which its view does not declare"
    for finding in outcome.findings:
        yield from _check_timeline(finding)
    yield from _check_laws(outcome)
    for name, tally in outcome.features.items():
        for claim in _check_tally(tally):
            yield f"{name}: {claim}"


def _check_features(outcome: model.Outcome, declared: set[str]) -> Iterator[str]:
    """Tell of features that were not compared, in an outcome that speaks for all of them."""
    is_judged = outcome.ok and outcome.is_judged and outcome.histories
    # Relations count laws; and a known failure of whole rows leaves nothing to count. Where a
    # feature differs in order, its rows are not compared again under the other scenarios.
    if not is_judged or outcome.scenario == RELATIONS or outcome.findings:
        return
    for name in sorted(declared):
        tally = outcome.features.get(name)
        if tally is None:
            yield f"ok is true, and there are no counters of the feature {name!r}"
        elif not tally.compared:
            yield f"ok is true, and no value of the feature {name!r} was ever compared"


def _check_timeline(finding: model.Finding) -> Iterator[str]:
    """Tell of a counterexample whose table is no table: every format draws it."""
    if finding.counterexample is None:
        return
    timeline = finding.counterexample.timeline
    columns = len(timeline.columns)
    for cells in timeline.rows:
        if len(cells) != columns:
            claim = f"has {len(cells)} of {columns} cells"
            yield f"a row of the timeline of {finding.feature!r} {claim}"


def _check_laws(outcome: model.Outcome) -> Iterator[str]:
    """Tell of laws that are broken in one place and not in the other."""
    if outcome.scenario != RELATIONS:
        return
    broken = set()
    for check in outcome.checks:
        claim = f"{check.law} of {check.side}"
        if check.state == "broken":
            broken.add(claim)
        if check.state == "held" and not check.histories:
            yield f"{claim} is held on 0 histories"
    for finding in outcome.findings:
        claim = f"{finding.relation} of {finding.side}"
        if finding.relation is not None and claim not in broken:
            yield f"a finding shows {claim} broken, and checks does not say so"
        broken.discard(claim)
    for claim in sorted(broken):
        yield f"{claim} is broken, and no finding shows it"


def _check_tally(tally: model.Tally) -> Iterator[str]:
    rows = tally.compared + tally.both_null
    vacuity = tally.both_null / rows if rows else 0.0
    if not math.isclose(tally.vacuity, vacuity, abs_tol=1e-9):
        yield f"vacuity is {tally.vacuity}, and its counters come to {vacuity:.6g}"
    errors = tally.errors
    if errors is None:
        return
    if errors.equal > errors.compared:
        yield f"{errors.equal} of {errors.compared} pairs of numbers are equal"
    if sum(errors.histogram) != errors.compared:
        yield f"its histogram has {sum(errors.histogram)} of {errors.compared} pairs"


def _check_comparisons(report: model.Report) -> Iterator[str]:
    for number, compared in enumerate(report.compared):
        if compared.ok != is_alike(compared):
            findings = len(compared.findings)
            yield f"compared[{number}]: ok is {_word(compared.ok)}, and it has {findings} findings"
    for number, spread in enumerate(report.versions):
        if spread.ok != (not spread.partings):
            partings = len(spread.partings)
            yield f"versions[{number}]: ok is {_word(spread.ok)}, and it has {partings} partings"


def _find_impossible_numbers(part: Any, owner: str) -> Iterator[str]:
    """Tell of counters below zero or beyond counting, and of numbers that are none."""
    for name, value in _list_values(part):
        path = f"{name} of {owner}" if name else owner
        if isinstance(value, bool | str):
            continue
        if isinstance(value, int | float):
            yield from _check_number(value, path)
        else:
            yield from _find_impossible_numbers(value, path)


def _check_number(value: float, path: str) -> Iterator[str]:
    # No run counts beyond what readers of JSON hold exactly.
    most = EXACT_INTS if isinstance(value, int) else math.inf
    if 0 <= value <= most:
        return
    # Python refuses to write integers of thousands of digits.
    digits = "beyond counting" if abs(value) > EXACT_INTS else repr(value)
    yield f"{path} is {digits}"


def _list_values(part: Any) -> Iterable[tuple[str, Any]]:
    """Return the values of a part by name, those that users' code made aside."""
    if isinstance(part, msgspec.Struct):
        for name in part.__struct_fields__:
            if name not in _NOT_COUNTERS:
                yield name, getattr(part, name)
    elif isinstance(part, dict):
        yield from part.items()
    elif isinstance(part, list | tuple):
        for value in part:
            yield "", value


# Values that users' code made, a seed of any size, and lags that may be negative.
_NOT_COUNTERS = frozenset(
    ["values", "counterexample", "answers", "points", "windows", "seed", "places", "rows"]
)


def _word(value: bool) -> str:  # noqa: FBT001 # a value of the report, not an option
    return "true" if value else "false"
