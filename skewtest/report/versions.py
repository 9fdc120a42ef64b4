"""What differs between two environments, as text and as JSON values."""

from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from skewtest.compare.tags import ADDRESS
from skewtest.errors import SkewtestError
from skewtest.report import model
from skewtest.report.words import (
    culprits_text,
    failure_headline,
    failure_text,
    shortened,
    value_text,
)
from skewtest.results.finding import Attribution, Finding, Place
from skewtest.results.outcome import Outcome, Parting, Versions
from skewtest.sides.answers import ProcessDiedError
from skewtest.sides.elsewhere import CannotLoadError

SHOWN_ROWS, SHOWN_PLACES, SHOWN_PACKAGES = 8, 6, 6
SHOWN_THRESHOLDS = 3
LONGEST = 34
PACKAGES = (
    *("python", "numpy", "pandas", "polars", "pyarrow", "scipy", "scikit-learn", "duckdb"),
    *("numba", "numexpr", "bottleneck", "statsmodels"),
)
"""The packages that numbers depend on, which reports name first."""


def compared_blocks(compared: Outcome, again: str) -> list[RenderableType]:
    """Return one block for each finding."""
    blocks: list[RenderableType] = []
    for finding in compared.findings:
        blocks += [*_finding(compared, finding), Text("")]
    if blocks:
        blocks += [_facts(compared, again), Text("")]
    return blocks


def version_headline(finding: Finding, a: str, b: str) -> str:
    """Return the claim of a finding, in one line."""
    name = finding.feature
    if finding.kind == "nondeterministic":
        return f"{name}: {finding.side} answers differently when run twice"
    if len(finding.failures) > 1:
        return f"{name}: {a} and {b} both fail; nothing was compared"
    if finding.failures:
        return f"{name}: {failure_headline(finding.failures[0])}"
    told = {
        "value": "return different values",
        "null": "differ in what is null",
        "dtype": "return different types",
    }
    return f"{name}: {a} and {b} {told[finding.kind]}"


def versions_text(versions: Versions, other: Versions) -> str:
    """Return what one environment has that another has otherwise, what matters most first."""
    differing = [
        name
        for name in (*PACKAGES, *sorted(set(versions.packages) - set(PACKAGES)))
        if name in versions.packages and versions.packages[name] != other.packages.get(name)
    ]
    told = [f"{name} {versions.packages[name]}" for name in differing[:SHOWN_PACKAGES]]
    more = len(differing) - len(told)
    return ", ".join(told) + (f" and {more} more" if more else "") or "the same packages"


def cause_text(culprits: Sequence[str], tried: int) -> str:
    """Return what makes the difference, after some packages were flipped one at a time."""
    return f"library.version: {culprits_text(culprits, tried)}"


def cell_error_text(error: SkewtestError) -> str:
    """Return why a cell of the matrix cannot run, in the words of whoever refused."""
    if isinstance(error, CannotLoadError):
        told = getattr(error.error, "remote_traceback", "") or str(error.error)
        if isinstance(error.error, ProcessDiedError):
            told = f"its process ended: {error.error.how}\n{error.error.last}"
        return f"the code does not import in {error.runtime.name!r}\n\n{told.rstrip()}"
    return str(error)


def attribution_table(attribution: Attribution, names: tuple[str, str]) -> RenderableType:
    """Return what both sides answer under both environments, as a table."""
    table = Table(box=None, pad_edge=False, padding=(0, 3, 0, 0), header_style="dim")
    for heading in ("", *dict.fromkeys(names)):
        table.add_column(heading, overflow="fold")
    for side, differs in (("batch", attribution.batch), ("online", attribution.online)):
        cells = [_answer_text(attribution, side, name) for name in dict.fromkeys(names)]
        table.add_row(f"{side} in", *cells, style="red" if differs else "")
    return Padding(table, (0, 0, 0, 2))


def _answer_text(attribution: Attribution, side: str, name: str) -> str:
    """Return what a side answers in an environment, and how far off the reference it is."""
    told = _short(place_text(attribution.answers[side, name]))
    ulps = attribution.drift.get((side, name))
    return told if ulps is None else f"{told} ({ulps:,} ulps off)"


def spread_lines(spread: model.Spread) -> list[str]:
    """Return what changes from version to version, a line for each feature and side."""
    lines = []
    for parting in spread.partings:
        groups = " | ".join(", ".join(group) for group in parting.groups)
        told = "; ".join(parting.thresholds[:SHOWN_THRESHOLDS]) or groups
        more = len(parting.thresholds) - SHOWN_THRESHOLDS
        told += f"; and {more} more packages" if more > 0 else ""
        place = f"{spread.view}.{parting.feature}"
        lines.append(f"{place}: {parting.side} changes between versions: {told}")
    return lines


def spread_of(outcome: Outcome) -> model.Spread:
    """Return what changes from version to version as a report has it.

    `parity` is a table of environments by environments for each side and feature: 1 where the
    two answer alike.
    """
    spread = outcome.spread
    assert spread is not None
    names = [one.name for one in spread.environments]
    return model.Spread(
        view=outcome.view.name,
        ok=outcome.ok,
        histories=outcome.histories,
        environments=[environment_of(one) for one in spread.environments],
        failed=dict(spread.failed),
        parity={
            side: {
                feature: _parity(names, spread.partings, side, feature)
                for feature in outcome.view.features
            }
            for side in ("batch", "online")
        },
        partings=[
            model.Parting(
                side="batch" if parting.side == "batch" else "online",
                feature=parting.feature,
                groups=[list(group) for group in parting.groups],
                thresholds=_ranked(parting.thresholds),
                values=[place_text(value) for value in parting.values],
                events=None
                if parting.counterexample is None
                else parting.counterexample.events.height,
            )
            for parting in spread.partings
        ],
        seconds=outcome.seconds.total,
    )


def environment_of(one: Versions) -> model.Environment:
    """Return an environment as a report has it."""
    return model.Environment(
        name=one.name, packages=dict(one.packages), cpu=list(one.cpu), threads=one.threads
    )


def _parity(
    names: Sequence[str], partings: Sequence[Parting], side: str, feature: str
) -> list[list[int]]:
    found = [p for p in partings if (p.side, p.feature) == (side, feature)]
    home = {name: number for p in found for number, group in enumerate(p.groups) for name in group}
    return [[int(home.get(one) == home.get(other)) for other in names] for one in names]


def _ranked(thresholds: Sequence[str]) -> list[str]:
    """Return thresholds, those of the packages that numbers depend on first."""
    order = {name: place for place, name in enumerate((*PACKAGES[1:], PACKAGES[0]))}
    return sorted(thresholds, key=lambda text: order.get(text.split(" ")[0], len(order)))


def _finding(compared: Outcome, finding: Finding) -> list[RenderableType]:
    title = version_headline(finding, *compared.pair)
    blocks: list[RenderableType] = [Text(title, style="bold red"), Text("")]
    blocks += [_rows(finding), Text("")]
    for failure in finding.failures:
        blocks += [Padding(Text(failure_text(failure)), (0, 0, 0, 2)), Text("")]
    if finding.places:
        blocks += [_places(finding), Text("")]
    return blocks


def _rows(finding: Finding) -> RenderableType:
    example = finding.given
    if example is None or not example.rows:
        return Padding(Text("no rows are needed to show it", style="dim"), (0, 0, 0, 2))
    names = list(dict.fromkeys(name for row in example.rows for name in row))
    table = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False, header_style="dim")
    table.add_column("#", justify="right")
    for name in names:
        table.add_column(str(name), no_wrap=True, overflow="ellipsis")
    for number, row in enumerate(example.rows[:SHOWN_ROWS]):
        cells = [value_text(row[name]) if name in row else "" for name in names]
        table.add_row(str(number), *map(_short, cells))
    left = len(example.rows) - SHOWN_ROWS
    if left > 0:
        table.add_row("", f"and {left:,} more rows")
    return Padding(table, (0, 0, 0, 2))


def _places(finding: Finding) -> RenderableType:
    heads = finding.pair
    table = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False, header_style="dim")
    table.add_column("")
    for head in (*heads, "difference"):
        table.add_column(head, justify="right")
    for place in finding.places[:SHOWN_PLACES]:
        values = (_short(place_text(place.a)), _short(place_text(place.b)))
        table.add_row(place.path or "result", *values, distance_text(place))
    left = len(finding.places) - SHOWN_PLACES
    if left > 0:
        table.add_row(f"and {left} more")
    return Padding(table, (0, 0, 0, 2))


def place_text(value: Any) -> str:
    """Return what an environment has in one place, as text."""
    if isinstance(value, list | dict):
        return shortened(ADDRESS.sub("0x", repr(value)))
    return value_text(value)


def distance_text(place: Place) -> str:
    """Return how far two values lie from each other, and each from the reference."""
    told = "" if place.ulps is None else f"{place.ulps:,} ulps" if place.ulps != 1 else "1 ulp"
    if place.drift is not None:
        off = " and ".join("?" if ulps is None else f"{ulps:,}" for ulps in place.drift)
        told += f" ({off} off the reference)"
    return told


def _facts(compared: Outcome, again: str) -> RenderableType:
    table = Table.grid(padding=(0, 2, 0, 0))
    assert compared.cell is not None
    for side, other in (compared.cell, compared.cell[::-1]):
        table.add_row(f"  {side.name}", Text(versions_text(side, other)))
    is_version = any(finding.cause == "library.version" for finding in compared.findings)
    if compared.culprits is not None and is_version:
        culprits = compared.culprits
        table.add_row("  cause", Text(cause_text(culprits.packages, culprits.tried)))
    table.add_row("  again", Text(again))
    return table


def _short(text: str) -> str:
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 3]}..."


def given_rows(finding: Finding) -> Sequence[Mapping[str, Any]]:
    """Return the rows that a plain function was given."""
    return () if finding.given is None else finding.given.rows


def compared_of(compared: Outcome) -> model.Compared:
    """Return what was compared as a report has it."""
    assert compared.cell is not None
    assert compared.culprits is not None
    return model.Compared(
        function=compared.subject.name,
        environments=[environment_of(side) for side in compared.cell],
        ok=compared.ok,
        inconclusive=compared.inconclusive,
        rows=compared.histories,
        culprits=list(compared.culprits.packages),
        seconds=compared.seconds.total,
        findings=[
            model.VersionFinding(
                kind=finding.kind,
                cause=finding.cause,
                side=finding.side,
                headline=version_headline(finding, *compared.pair),
                failures=[failure_text(failure) for failure in finding.failures],
                rows=[
                    {str(name): value_text(value) for name, value in row.items()}
                    for row in given_rows(finding)
                ],
                places=[
                    model.Place(
                        path=place.path,
                        a=place_text(place.a),
                        b=place_text(place.b),
                        ulps=place.ulps,
                        drift=place.drift,
                    )
                    for place in finding.places
                ],
            )
            for finding in compared.findings
        ],
    )
