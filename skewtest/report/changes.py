"""Two reports compared: what is new, fixed, worse, better or unchanged since the first one."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from math import sqrt
from typing import Literal

from skewtest.declare.delivery import IN_ORDER, RELATIONS
from skewtest.report import model
from skewtest.results.finding import ALL_FEATURES

Change = Literal["new", "fixed", "worse", "better", "unchanged", "not checked"]
CHANGES: tuple[Change, ...] = ("new", "worse", "not checked", "fixed", "better", "unchanged")
"""In the order in which they are told."""
CALLING: tuple[Change, ...] = ("new", "worse", "not checked")
"""Those that call for a look."""
# Standard errors that two shares must lie apart (a two-proportion z-test): a report compares
# hundreds of features, and at two errors every twentieth would seem to have moved.
SURE = 3.0
# What is sure need not matter: of thousands of answers, 10.0% and 10.5% differ surely.
FACTOR = 2.0


@dataclass(frozen=True, slots=True)
class Divergent:
    """One divergence and how it has changed.

    Attributes:
        view: the view.
        feature: the feature; "*" for whole rows.
        column: the scenario, and the cell where it is one.
        kind: the kind of divergence.
        change: what became of it.
        before: the share of answers that differed in the first report, None where it did not.
        after: that of the second report.
    """

    view: str
    feature: str
    column: str
    kind: str
    change: Change
    before: float | None = None
    after: float | None = None


@dataclass(frozen=True, slots=True)
class Moved:
    """Something beside the answers that is another than before: code, a library, a view."""

    what: str
    name: str
    before: str
    after: str


@dataclass(frozen=True, slots=True)
class Comparison:
    """What has changed from one report to another."""

    divergences: tuple[Divergent, ...] = ()
    moved: tuple[Moved, ...] = field(default=())
    incomplete: bool = False

    @property
    def ok(self) -> bool:
        """Whether nothing is new or worse, and all that was checked still is."""
        calls_for_look = any(divergence.change in CALLING for divergence in self.divergences)
        return not self.incomplete and not calls_for_look

    @property
    def changed(self) -> tuple[Divergent, ...]:
        """The divergences that are not what they were."""
        return tuple(each for each in self.divergences if each.change != "unchanged")

    def of(self, change: str) -> tuple[Divergent, ...]:
        """Return the divergences of one kind of change."""
        return tuple(each for each in self.divergences if each.change == change)


Key = tuple[str, str, str, str]


def compare_reports(before: model.Report, after: model.Report) -> Comparison:
    """Return what has changed from one report to another.

    A divergence is the same one if its view, feature, scenario (and cell) and kind are. What a
    report calls known counts as any other: it was there. What was found of environments that were
    compared counts too, under the function's name.

    One that is not met again is fixed only if as many histories were run as had met it.
    """
    old_counts, new_counts = _count_divergences(before), _count_divergences(after)
    checks = _list_checks(after)
    fixed = _find_fixed(before, after, checks)
    divergences = []
    for key in dict.fromkeys((*new_counts, *old_counts)):
        old, new = old_counts.get(key), new_counts.get(key)
        if old is None:
            change: Change = "new"
        elif new is None:
            change = "fixed" if key in fixed else "not checked"
        else:
            change = _change(old, new)
        divergences.append(Divergent(*key, change, _share(old), _share(new)))
    for check in _list_gone(_list_checks(before) - checks, divergences, after):
        divergences.append(Divergent(*check, "", "not checked"))
    divergences.sort(key=_rank)
    return Comparison(
        divergences=tuple(divergences),
        moved=tuple(_list_moved(before, after)),
        incomplete=after.verdict == "incomplete",
    )


def _rank(divergence: Divergent) -> tuple[object, ...]:
    """Return what divergences are sorted by: those that call for a look come first."""
    urgency = CHANGES.index(divergence.change)
    return urgency, divergence.view, divergence.column, divergence.feature


Check = tuple[str, str, str]
"""View, feature and column; the feature is "*" for the rows of all of them."""


def _list_checks(report: model.Report) -> set[Check]:
    """Return what was checked and could have failed."""
    checks = {(part.function, ALL_FEATURES, part.column) for part in report.compared}
    for outcome in report.outcomes:
        if outcome.is_judged:
            for name in (ALL_FEATURES, *outcome.features):
                checks.add((outcome.view, name, outcome.column))
    return checks


def _find_fixed(before: model.Report, after: model.Report, checks: set[Check]) -> set[Key]:
    """Return the divergences of an earlier report that would have been met if they were there.

    A later run on fewer histories need not come to the one that showed it. A kept counterexample
    has 0 for a number: it is run first.
    """
    histories: dict[tuple[str, str], int] = {}
    for outcome in after.outcomes:
        histories[outcome.view, outcome.column] = outcome.histories
    fixed = set()
    for key, number in _find_firsts(before).items():
        view, feature, column, _ = key
        is_reached = histories.get((view, column), 0) >= number
        if is_reached and (view, feature, column) in checks:
            fixed.add(key)
    return fixed


def _find_firsts(report: model.Report) -> dict[Key, int]:
    """Return the history in which each divergence was met; 0 where none is named."""
    numbers = dict.fromkeys(_count_divergences(report), 0)
    for outcome in report.outcomes:
        for finding in outcome.findings:
            key = outcome.view, finding.feature, outcome.column, finding.kind
            numbers[key] = finding.found_at
    return numbers


def _list_gone(
    gone: set[Check], divergences: Sequence[Divergent], after: model.Report
) -> list[Check]:
    """Return what is to be told of what is no longer checked.

    A view that is no longer checked under a scenario is told once, if none of its divergences is.
    """
    told_features: set[Check] = set()
    told_columns = _find_excused(after)
    for divergence in divergences:
        told_features.add((divergence.view, divergence.feature, divergence.column))
        told_columns.add((divergence.view, divergence.column))
    gone_columns = {(view, column) for view, feature, column in gone if feature == ALL_FEATURES}
    checks = []
    for view, feature, column in gone - told_features:
        told_already = told_columns if feature == ALL_FEATURES else gone_columns
        if (view, column) not in told_already:
            checks.append((view, feature, column))
    return sorted(checks)


def _find_excused(after: model.Report) -> set[tuple[str, str]]:
    """Return the relations that were not judged because the sides differ: that is what is told."""
    views = set()
    for outcome in after.outcomes:
        if outcome.findings and outcome.column == IN_ORDER:
            views.add((outcome.view, RELATIONS))
    return views


Counts = tuple[int, int]
"""Answers that differ, and all that were compared."""


def _count_divergences(report: model.Report) -> dict[Key, Counts]:
    counts: dict[Key, Counts] = {}
    for outcome in report.outcomes:
        if not outcome.gates:
            continue
        for name in outcome.untested:
            counts[outcome.view, name, outcome.column, "untested"] = 0, 0
        for finding in outcome.findings:
            key = outcome.view, finding.feature, outcome.column, finding.kind
            counts[key] = _add_up(_tallies_of(outcome, finding))
    # Of environments no rows are counted: such a divergence is there or not.
    for compared in report.compared:
        for difference in compared.findings:
            counts[compared.function, ALL_FEATURES, compared.column, difference.kind] = 0, 0
    return counts


def _tallies_of(outcome: model.Outcome, finding: model.Finding) -> list[model.Tally]:
    """Return how the rows of a finding's feature compared; of all features for whole rows."""
    if finding.feature == ALL_FEATURES:
        return list(outcome.features.values())
    tally = outcome.features.get(finding.feature)
    return [] if tally is None else [tally]


def _add_up(tallies: Iterable[model.Tally]) -> Counts:
    differ = match = 0
    for tally in tallies:
        differ += tally.mismatch + tally.left_only + tally.right_only
        match += tally.match
    return differ, differ + match


def _share(counts: Counts | None) -> float | None:
    if counts is None or not counts[1]:
        return None
    return counts[0] / counts[1]


def _change(old: Counts, new: Counts) -> Change:
    """Return whether a divergence has become more frequent, or less, beyond chance."""
    before, after = _share(old), _share(new)
    if before is None or after is None or before == after:
        return "unchanged"
    pooled = (old[0] + new[0]) / (old[1] + new[1])
    error = sqrt(pooled * (1 - pooled) * (1 / old[1] + 1 / new[1]))
    is_sure = error > 0 and abs(after - before) / error >= SURE
    if not is_sure or max(before, after) < FACTOR * min(before, after):
        return "unchanged"
    return "worse" if after > before else "better"


def _list_moved(before: model.Report, after: model.Report) -> list[Moved]:
    """Return what is another than before beside the answers: views, code, files, packages."""
    # By name: a view whose file or code is another is still that view.
    old_views = {view.name: view for view in before.views}
    new_views = {view.name: view for view in after.views}
    moved = []
    code: list[Moved] = []
    files: dict[Moved, None] = {}
    for name, view in new_views.items():
        if name not in old_views:
            moved.append(Moved("view", name, "", "added"))
            continue
        code += _compare_code(old_views[name], view)
        # Views that share a file tell of it once.
        files.update(dict.fromkeys(_compare_files(old_views[name], view)))
    for name in old_views:
        if name not in new_views:
            moved.append(Moved("view", name, "", "gone"))
    moved += [*code, *files]
    if before.run is not None and after.run is not None:
        moved += _compare_packages(before.run, after.run)
    return moved


def _compare_packages(before: model.Run, after: model.Run) -> Iterator[Moved]:
    old = before.packages | {"python": before.host.python}
    new = after.packages | {"python": after.host.python}
    for name in sorted({*old, *new}):
        if old.get(name) != new.get(name):
            yield Moved("package", name, old.get(name, "none"), new.get(name, "none"))


def _compare_files(old: model.View, new: model.View) -> Iterator[Moved]:
    """Return the files that a view's code lies in which are not the same."""
    for file in sorted({*old.files, *new.files}):
        before, after = old.files.get(file, "none"), new.files.get(file, "none")
        if before != after:
            yield Moved("file", file, before[:8], after[:8])


def _compare_code(old: model.View, new: model.View) -> list[Moved]:
    moved = []
    if old.declaration != new.declaration:
        moved.append(Moved("declaration", new.name, old.declaration[:8], new.declaration[:8]))
    digests = {implementation.side: implementation.digest for implementation in old.implementations}
    for implementation in new.implementations:
        digest = digests.get(implementation.side)
        if digest != implementation.digest:
            name = f"{new.name} {implementation.side}"
            moved.append(Moved("code", name, (digest or "none")[:8], implementation.digest[:8]))
    return moved
