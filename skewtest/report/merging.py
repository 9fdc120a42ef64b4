"""Reports put together: of the views of one run, of parallel workers, of several CI jobs."""

from collections.abc import Iterable, Mapping, Sequence
from typing import TypeVar

import msgspec

from skewtest.report import model
from skewtest.report.grid import scenario_order
from skewtest.report.summary import not_checked, unapplied

NOTHING = "no feature view was checked"

P = TypeVar("P", bound=model.Part)


def merged(
    reports: Sequence[model.Report],
    *,
    incomplete: Iterable[str] = (),
    lost: Iterable[str] = (),
    run: model.Run | None = None,
    matrix: model.Matrix | None = None,
    views: Iterable[model.View] = (),
    outcomes: Iterable[model.Outcome] = (),
    compared: Iterable[model.Compared] = (),
    versions: Iterable[model.Spread] = (),
) -> model.Report:
    """Return one report of several: what they hold, once, in an order that hangs on no shard.

    Views stand in the order of their declarations, outcomes in that of their views and scenarios.

    Args:
        reports: the reports.
        incomplete: why something is missing, beyond what they say.
        lost: the same of whole reports: what was found is then no verdict on the whole.
        run: where the whole comes from.
        matrix: the cells of the version matrix, beyond those of the reports.
        views: further views.
        outcomes: further outcomes.
        compared: further comparisons of environments.
        versions: further spreads of versions.
    """
    found = sorted(
        _once([*views, *(view for report in reports for view in report.views)]),
        key=lambda view: (view.file or "", view.line or 0, view.name),
    )
    place = {view.name: number for number, view in reversed(list(enumerate(found)))}
    all_outcomes = sorted(
        _once([*outcomes, *(one for report in reports for one in report.outcomes)]),
        key=lambda one: (place.get(one.view, len(place)), one.view, *_column_order(one), one.seed),
    )
    all_compared = _once([*compared, *(one for report in reports for one in report.compared)])
    cells = _matrix([*(report.matrix for report in reports), matrix])
    # What follows from the parts is told anew, of the whole.
    stated = (g for r in reports for g in r.incomplete if g not in _lacking(r.outcomes, r.matrix))
    lost = [*lost]
    gaps = [*stated, *incomplete, *lost, *_lacking(all_outcomes, cells)]
    ok = not _fail(all_outcomes, all_compared)
    is_lost = lost or any(
        one.verdict == "incomplete" and _fail(one.outcomes, one.compared) for one in reports
    )
    return model.Report(
        verdict="incomplete" if is_lost or (gaps and ok) else "parity" if ok else "skew",
        ok=ok and not gaps,
        incomplete=list(dict.fromkeys(gaps)),
        run=run,
        views=found,
        outcomes=all_outcomes,
        compared=sorted(all_compared, key=lambda one: one.function),
        versions=sorted(
            _once([*versions, *(one for report in reports for one in report.versions)]),
            key=lambda one: one.view,
        ),
        matrix=cells,
    )


def _fail(outcomes: Iterable[model.Outcome], compared: Iterable[model.Compared]) -> bool:
    """Return whether something was checked that fails the run."""
    judged = (one for one in outcomes if one.gates and one.skipped is None)
    return any(_shows_fault(one) for one in judged) or not all(one.ok for one in compared)


def _shows_fault(outcome: model.Outcome) -> bool:
    """Return whether an outcome is more than a gap: laws that were not applied are no skew."""
    if outcome.ok:
        return False
    is_fault = outcome.news or outcome.untested or outcome.stale
    return bool(is_fault) or not unapplied(outcome)


def _lacking(outcomes: Iterable[model.Outcome], matrix: model.Matrix | None) -> list[str]:
    """Return which of the checks that were asked for could not be run."""
    gaps: list[str] = []
    for outcome in outcomes:
        gap = not_checked(outcome)
        # A check that was skipped as a whole is one gap, not one for each of its laws.
        gaps += [gap] if gap else unapplied(outcome)
    failed = {} if matrix is None else matrix.failed
    return gaps + [f"cell {name} could not be run: {why}" for name, why in failed.items()]


def merged_shards(
    shards: Sequence[tuple[str, model.Report]], lost: Iterable[str] = ()
) -> model.Report:
    """Return the report of a run that was split up.

    Args:
        shards: by name, the reports of its parts.
        lost: what is said of parts that cannot be read: the whole is incomplete then.
    """
    reports = [report for _, report in shards]
    runs = [(name, report.run) for name, report in shards if report.run is not None]
    gaps = [*lost]
    revisions = {run.git.revision for _, run in runs if run.git is not None}
    if len(revisions) > 1:
        gaps.append(f"the shards are of different revisions: {', '.join(sorted(revisions))}")
    codes: dict[tuple[str, str | None], set[str]] = {}
    for view in (view for report in reports for view in report.views):
        codes.setdefault((view.name, view.file), set()).add(_code_of(view))
    gaps += [
        f"view {name} is not the same code in all shards"
        for (name, _), found in codes.items()
        if len(found) > 1
    ]
    # What one shard calls missing because it is another's is not missing.
    held = [
        msgspec.structs.replace(report, incomplete=[g for g in report.incomplete if g != NOTHING])
        for report in reports
    ]
    return whole_or_nothing(merged(held, lost=gaps, run=_run(runs)))


def _code_of(view: model.View) -> str:
    """Return what tells whether two views are one: their declarations and their code."""
    return repr((view.declaration, view.files, [one.digest for one in view.implementations]))


def whole_or_nothing(report: model.Report) -> model.Report:
    """Return a report; one in which nothing was checked that could fail is incomplete."""
    is_judged = any(one.gates and one.skipped is None for one in report.outcomes)
    if is_judged or report.compared or report.incomplete:
        return report
    return msgspec.structs.replace(report, verdict="incomplete", ok=False, incomplete=[NOTHING])


def settled(report: model.Report) -> model.Report:
    """Return a report without what differs from run to run: its times, and where it was run."""
    return msgspec.structs.replace(
        report,
        run=None,
        outcomes=[_untimed(one) for one in report.outcomes],
        compared=[_untimed(one) for one in report.compared],
        versions=[_untimed(one) for one in report.versions],
    )


def _untimed(part: P) -> P:
    nothing: dict[str, object] = {"seconds": 0.0, "latency": None, "again": ""}
    if isinstance(part, model.Outcome):
        nothing["seconds"] = model.Seconds()
        if part.reach is not None:
            nothing["reach"] = msgspec.structs.replace(part.reach, seconds=0.0)
    return msgspec.structs.replace(part, **_fields_of(part, nothing))


def _fields_of(part: model.Part, values: Mapping[str, object]) -> dict[str, object]:
    return {name: value for name, value in values.items() if name in part.__struct_fields__}


def _once(parts: Sequence[P]) -> list[P]:
    """Return parts without those that say the same as one before, times aside."""
    return list({msgspec.json.encode(_untimed(part)): part for part in reversed(parts)}.values())[
        ::-1
    ]


def _column_order(one: model.Outcome) -> tuple[int, str]:
    return scenario_order(one.scenario), one.column


def _matrix(matrices: Sequence[model.Matrix | None]) -> model.Matrix | None:
    held = [one for one in matrices if one is not None]
    if not held:
        return None
    ran = _union(one.ran for one in held)
    return model.Matrix(
        requested=_union(one.requested for one in held),
        ran=ran,
        failed={n: why for one in held for n, why in one.failed.items() if n not in ran},
        excluded=max(one.excluded for one in held),
        pairs=_union(one.pairs for one in held),
        valid_pairs=max(one.valid_pairs for one in held),
    )


def _union(lists: Iterable[list[str]]) -> list[str]:
    return sorted({name for names in lists for name in names})


def _run(runs: Sequence[tuple[str, model.Run]]) -> model.Run | None:
    """Return where the whole comes from: what its shards share, from the first to begin."""
    if not runs:
        return None
    _, first = min(runs, key=lambda one: one[1].time)
    seeds = {run.seed for _, run in runs}
    python = _versions(run.host.python for _, run in runs)
    names = sorted({name for _, run in runs for name in run.packages})
    return msgspec.structs.replace(
        first,
        seconds=sum(run.seconds for _, run in runs),
        seed=seeds.pop() if len(seeds) == 1 else None,
        git=_git([run.git for _, run in runs]),
        host=msgspec.structs.replace(first.host, python=python),
        packages={name: _versions(r.packages.get(name, "none") for _, r in runs) for name in names},
        shards=[name for name, _ in runs],
    )


def _git(found: Sequence[model.Git | None]) -> model.Git | None:
    """Return the revision of all shards, dirty if one is; None where one does not say."""
    known = [git for git in found if git is not None]
    if len(known) < len(found):
        return None
    return msgspec.structs.replace(known[0], dirty=any(git.dirty for git in known))


def _versions(found: Iterable[str]) -> str:
    """Return the version of a package in all shards: of shards that differ, each."""
    return " or ".join(sorted(set(found)))
