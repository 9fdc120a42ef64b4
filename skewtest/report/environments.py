"""What differs between environments, as parts of a report: of a function, and of each side."""

from collections.abc import Mapping, Sequence
from typing import Any

from skewtest.report import model
from skewtest.report.failures import failure_headline, failure_text
from skewtest.report.versions import PACKAGES, place_text
from skewtest.report.words import value_text
from skewtest.results.finding import Finding
from skewtest.results.outcome import Outcome
from skewtest.results.values import Parting, Place, SideName

SIDES: tuple[SideName, ...] = ("batch", "online")
DIFFERENCES = {
    "value": "return different values",
    "null": "differ in what is null",
    "dtype": "return different types",
}
"""What two environments do, by kind."""


def compared_of(outcome: Outcome) -> model.Compared:
    """Return what comparing a function between two environments came to, as a report has it."""
    assert outcome.cell is not None
    assert outcome.culprits is not None
    return model.Compared(
        function=outcome.subject.name,
        environments=list(outcome.cell),
        ok=outcome.ok,
        inconclusive=outcome.inconclusive,
        rows=outcome.histories,
        culprits=list(outcome.culprits.packages),
        tried=outcome.culprits.tried,
        seconds=outcome.seconds.total,
        findings=[_finding(outcome, finding) for finding in outcome.findings],
    )


def _finding(outcome: Outcome, finding: Finding) -> model.VersionFinding:
    # Code that does not import in an environment fails without any rows.
    rows: Sequence[Mapping[str, Any]] = () if finding.given is None else finding.given.rows
    return model.VersionFinding(
        kind=finding.kind,
        pair=finding.pair,
        cause=finding.cause,
        side=finding.side,
        headline=version_headline(finding, *outcome.pair),
        failures=list(map(failure_text, finding.failures)),
        rows=list(map(_word_row, rows)),
        places=list(map(_word_place, finding.places)),
    )


def _word_row(row: Mapping[str, Any]) -> dict[str, str]:
    texts = {}
    for name, value in row.items():
        texts[str(name)] = value_text(value)
    return texts


def _word_place(place: Place[Any]) -> Place[str]:
    return Place(
        place.path,
        place.kind,
        place_text(place.a),
        place_text(place.b),
        place.ulps,
        place.drift,
    )


def version_headline(finding: Finding, a: str, b: str) -> str:
    """Return the claim of a finding between the environments `a` and `b`, in one line."""
    name = finding.feature
    if finding.kind == "nondeterministic":
        return f"{name}: {finding.side} answers differently when run twice"
    if len(finding.failures) > 1:
        return f"{name}: {a} and {b} both fail; nothing was compared"
    if finding.failures:
        return f"{name}: {failure_headline(finding.failures[0])}"
    return f"{name}: {a} and {b} {DIFFERENCES[finding.kind]}"


def spread_of(outcome: Outcome) -> model.Spread:
    """Return what changes from version to version as a report has it.

    `parity` is a table of environments by environments for each side and feature: 1 where the
    two answer alike.
    """
    spread = outcome.spread
    assert spread is not None
    names = [environment.name for environment in spread.environments]
    parity: dict[str, dict[str, list[list[int]]]] = {}
    for side in SIDES:
        parity[side] = {}
        for feature in outcome.view.features:
            numbers: dict[str, int] = {}
            for parting in spread.partings:
                if (parting.side, parting.feature) == (side, feature):
                    numbers |= _number_groups(parting)
            parity[side][feature] = _compare_all(names, numbers)
    return model.Spread(
        view=outcome.view.name,
        ok=outcome.ok,
        histories=outcome.histories,
        environments=list(spread.environments),
        failed=dict(spread.failed),
        parity=parity,
        partings=list(map(_word_parting, spread.partings)),
        seconds=outcome.seconds.total,
    )


def _word_parting(parting: Parting[Any]) -> Parting[str]:
    return Parting(
        side=parting.side,
        feature=parting.feature,
        groups=parting.groups,
        thresholds=_rank(parting.thresholds),
        values=tuple(map(place_text, parting.values)),
        events=parting.events,
    )


def _number_groups(parting: Parting[Any]) -> dict[str, int]:
    """Return by environment the number of the group that answers as it does."""
    numbers: dict[str, int] = {}
    for number, group in enumerate(parting.groups):
        numbers.update(dict.fromkeys(group, number))
    return numbers


def _compare_all(names: Sequence[str], groups: Mapping[str, int]) -> list[list[int]]:
    """Return which environments answer alike: those of one group, and all where none part."""
    rows = []
    for name in names:
        row = []
        for column in names:
            row.append(int(groups.get(name) == groups.get(column)))
        rows.append(row)
    return rows


def _rank(thresholds: Sequence[str]) -> tuple[str, ...]:
    """Return thresholds, those of the packages that numbers depend on first."""
    # Python parts environments as often as it is upgraded with them: it explains least.
    order = [*PACKAGES[1:], PACKAGES[0]]

    def rank(threshold: str) -> int:
        name = threshold.split(" ", maxsplit=1)[0]
        return order.index(name) if name in order else len(order)

    return tuple(sorted(thresholds, key=rank))
