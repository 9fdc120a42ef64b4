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
"""In the order in which they are told; the first three call for a look."""
SURE = 3.0
"""So many standard errors two shares must lie apart (a two-proportion z-test)."""
FACTOR = 2.0
"""And by so much must the larger exceed the smaller: what is sure need not matter."""


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
        return not self.incomplete and not any(
            self.of(change) for change in ("new", "worse", "not checked")
        )

    @property
    def changed(self) -> tuple[Divergent, ...]:
        """The divergences that are not what they were."""
        return tuple(one for one in self.divergences if one.change != "unchanged")

    def of(self, change: str) -> tuple[Divergent, ...]:
        """Return the divergences of one kind of change."""
        return tuple(one for one in self.divergences if one.change == change)


Key = tuple[str, str, str, str]


def compared_reports(before: model.Report, after: model.Report) -> Comparison:
    """Return what has changed from one report to another.

    A divergence is the same one if its view, feature, scenario (and cell) and kind are. What a
    report calls known counts as any other: it was there. What was found of environments that were
    compared counts too, under the function's name.

    One that is not met again is fixed only if as many histories were run as had met it.
    """
    then, now = _divergences(before), _divergences(after)
    was, ran = _checked(before), _checked(after)
    met_at, had = _met_at(before), _histories(after)
    found = []
    for key in dict.fromkeys((*now, *then)):
        old, new = then.get(key), now.get(key)
        if old is None:
            change: Change = "new"
        elif new is None:
            view, feature, column, _ = key
            enough = had.get((view, column), 0) >= met_at.get(key, 0)
            is_fixed = enough and (view, feature, column) in ran
            change = "fixed" if is_fixed else "not checked"
        else:
            change = _change(old, new)
        found.append(Divergent(*key, change, _share(old), _share(new)))
    found += [Divergent(*key, "", "not checked") for key in _gone(was - ran, found, after)]
    found.sort(key=lambda one: (CHANGES.index(one.change), one.view, one.column, one.feature))
    return Comparison(tuple(found), tuple(_moved(before, after)), after.verdict == "incomplete")


Check = tuple[str, str, str]
"""View, feature and column; the feature is "*" for the rows of all of them."""


def _checked(report: model.Report) -> set[Check]:
    """Return what was checked and could have failed."""
    found = {(one.function, ALL_FEATURES, one.column) for one in report.compared}
    for one in report.outcomes:
        if one.gates and one.skipped is None:
            found |= {(one.view, name, one.column) for name in (ALL_FEATURES, *one.features)}
    return found


def _met_at(report: model.Report) -> dict[Key, int]:
    """Return the history in which each divergence was met; 0 of those that were kept."""
    return {
        (one.view, finding.feature, one.column, finding.kind): finding.found_at
        for one in report.outcomes
        for finding in one.findings
    }


def _histories(report: model.Report) -> dict[tuple[str, str], int]:
    """Return how many histories each view was run on, by view and column."""
    return {(one.view, one.column): one.histories for one in report.outcomes}


def _gone(gone: set[Check], told: Sequence[Divergent], after: model.Report) -> list[Check]:
    """Return what is to be told of what is no longer checked.

    A view that is no longer checked under a scenario is told once, if none of its divergences is.
    """
    # No relation is judged where the sides differ anyway: that they do is what is told.
    excused = {
        (one.view, RELATIONS) for one in after.outcomes if one.findings and one.column == IN_ORDER
    }
    rows = {(one.view, one.feature, one.column) for one in told}
    columns = {(one.view, one.column) for one in told} | excused
    whole = {(view, column) for view, feature, column in gone if feature == ALL_FEATURES}
    return sorted(
        (view, feature, column)
        for view, feature, column in gone - rows
        if (view, column) not in (columns if feature == ALL_FEATURES else whole)
    )


Counts = tuple[int, int]
"""Answers that differ, and all that were compared."""


def _divergences(report: model.Report) -> dict[Key, Counts]:
    found: dict[Key, Counts] = {}
    for outcome in report.outcomes:
        if not outcome.gates:
            continue
        for name in outcome.untested:
            found[outcome.view, name, outcome.column, "untested"] = 0, 0
        for finding in outcome.findings:
            concerned = [
                tally
                for name, tally in outcome.features.items()
                if finding.feature in (name, ALL_FEATURES)
            ]
            key = outcome.view, finding.feature, outcome.column, finding.kind
            found[key] = _counts(concerned)
    for compared in report.compared:
        for one in compared.findings:
            found[compared.function, ALL_FEATURES, compared.column, one.kind] = 0, 0
    return found


def _counts(tallies: Iterable[model.Tally]) -> Counts:
    differ = match = 0
    for tally in tallies:
        differ += tally.mismatch + tally.left_only + tally.right_only
        match += tally.match
    return differ, differ + match


def _share(counts: Counts | None) -> float | None:
    return None if counts is None or not counts[1] else counts[0] / counts[1]


def _change(old: Counts, new: Counts) -> Change:
    """Return whether a divergence has become more frequent, or less, beyond chance."""
    before, after = _share(old), _share(new)
    if before is None or after is None or before == after:
        return "unchanged"
    pooled = (old[0] + new[0]) / (old[1] + new[1])
    error = sqrt(pooled * (1 - pooled) * (1 / old[1] + 1 / new[1]))
    sure = error > 0 and abs(after - before) / error >= SURE
    if not sure or max(before, after) < FACTOR * min(before, after):
        return "unchanged"
    return "worse" if after > before else "better"


def _moved(before: model.Report, after: model.Report) -> list[Moved]:
    """Return what is another than before beside the answers: views, code, files, packages."""
    then = {view.name: view for view in before.views}
    now = {view.name: view for view in after.views}
    moved = [Moved("view", name, "", "added") for name in now if name not in then]
    moved += [Moved("view", name, "", "gone") for name in then if name not in now]
    files: dict[Moved, None] = {}
    for name, view in now.items():
        if name in then:
            moved += _moved_code(then[name], view)
            # Views that share a file tell of it once.
            files.update(dict.fromkeys(_moved_files(then[name], view)))
    moved += files
    if before.run is not None and after.run is not None:
        moved += _moved_packages(before.run, after.run)
    return moved


def _moved_packages(before: model.Run, after: model.Run) -> Iterator[Moved]:
    old = before.packages | {"python": before.host.python}
    new = after.packages | {"python": after.host.python}
    for name in sorted({*old, *new}):
        if old.get(name) != new.get(name):
            yield Moved("package", name, old.get(name, "none"), new.get(name, "none"))


def _moved_files(old: model.View, new: model.View) -> Iterator[Moved]:
    """Return the files that a view's code lies in which are not the same."""
    for file in sorted({*old.files, *new.files}):
        before, after = old.files.get(file, "none"), new.files.get(file, "none")
        if before != after:
            yield Moved("file", file, before[:8], after[:8])


def _moved_code(old: model.View, new: model.View) -> list[Moved]:
    found = []
    if old.declaration != new.declaration:
        found.append(Moved("declaration", new.name, old.declaration[:8], new.declaration[:8]))
    then = {one.side: one.digest for one in old.implementations}
    for one in new.implementations:
        digest = then.get(one.side)
        if digest != one.digest:
            name = f"{new.name} {one.side}"
            found.append(Moved("code", name, (digest or "none")[:8], one.digest[:8]))
    return found
