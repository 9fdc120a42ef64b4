"""Reports put together: of the views of one run, of parallel workers, of several CI jobs."""

from collections.abc import Callable, Iterable, Sequence
from typing import TypeVar

import msgspec

from skewtest.report import model
from skewtest.report.grid import scenario_order
from skewtest.report.verdict import (
    NOTHING,
    has_fault,
    has_lost_part,
    is_nothing_judged,
    judge,
    list_gaps,
)

P = TypeVar("P", bound=model.Part)


def merge_reports(
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
    lost = [*lost]
    all_views = collect(views, reports, lambda report: report.views)
    all_outcomes = collect(outcomes, reports, lambda report: report.outcomes)
    all_compared = collect(compared, reports, lambda report: report.compared)
    all_versions = collect(versions, reports, lambda report: report.versions)
    all_views.sort(key=lambda view: (view.file or "", view.line or 0, view.name))
    all_outcomes = _sort_outcomes(all_outcomes, all_views)
    cells = _merge_matrices([*(report.matrix for report in reports), matrix])
    gaps = [*_list_stated(reports), *incomplete, *lost, *list_gaps(all_outcomes, cells)]
    ok = not has_fault(all_outcomes, all_compared)
    is_lost = bool(lost) or any(map(has_lost_part, reports))
    return model.Report(
        verdict=judge(ok=ok, has_gaps=bool(gaps), is_lost=is_lost),
        ok=ok and not gaps,
        incomplete=list(dict.fromkeys(gaps)),
        run=run,
        views=all_views,
        outcomes=all_outcomes,
        compared=sorted(all_compared, key=lambda part: part.function),
        versions=sorted(all_versions, key=lambda part: part.view),
        matrix=cells,
    )


def collect(
    further: Iterable[P],
    reports: Iterable[model.Report],
    parts_of: Callable[[model.Report], Iterable[P]],
) -> list[P]:
    """Return parts of one kind: those that are given, then those of each report; each once.

    Parts that say the same but for their times are one: a shard may be given twice.
    """
    parts = list(further)
    for report in reports:
        parts += parts_of(report)
    firsts: dict[bytes, P] = {}
    for part in parts:
        firsts.setdefault(msgspec.json.encode(_strip(part)), part)
    return list(firsts.values())


def _sort_outcomes(
    outcomes: Iterable[model.Outcome], views: Sequence[model.View]
) -> list[model.Outcome]:
    """Return outcomes in the order of their views, then of their scenarios."""
    numbers: dict[str, int] = {}
    for number, view in enumerate(views):
        numbers.setdefault(view.name, number)

    def order(outcome: model.Outcome) -> tuple[object, ...]:
        number = numbers.get(outcome.view, len(numbers))
        scenario = scenario_order(outcome.scenario)
        return number, outcome.view, scenario, outcome.column, outcome.seed

    return sorted(outcomes, key=order)


def _list_stated(reports: Iterable[model.Report]) -> list[str]:
    """Return the gaps that reports state, but those that follow from their own parts.

    What follows from the parts is told anew, of the whole.
    """
    gaps = []
    for report in reports:
        derived = list_gaps(report.outcomes, report.matrix)
        gaps += [gap for gap in report.incomplete if gap not in derived]
    return gaps


def whole_or_nothing(report: model.Report) -> model.Report:
    """Return a report; one in which nothing was checked that could fail is incomplete."""
    if not is_nothing_judged(report) or report.incomplete:
        return report
    return msgspec.structs.replace(report, verdict="incomplete", ok=False, incomplete=[NOTHING])


def strip_times(report: model.Report) -> model.Report:
    """Return a report without what differs from run to run: its times, and where it was run."""
    return msgspec.structs.replace(
        report,
        run=None,
        outcomes=list(map(_strip, report.outcomes)),
        compared=list(map(_strip, report.compared)),
        versions=list(map(_strip, report.versions)),
    )


def _strip(part: P) -> P:
    nothing: dict[str, object] = {"seconds": 0.0, "latency": None, "again": ""}
    if isinstance(part, model.Outcome):
        nothing["seconds"] = model.Seconds()
        if part.reach is not None:
            nothing["reach"] = msgspec.structs.replace(part.reach, seconds=0.0)
    # The parts of a report have some of these fields each.
    fields = nothing.keys() & set(part.__struct_fields__)
    return msgspec.structs.replace(part, **{name: nothing[name] for name in fields})


def _merge_matrices(matrices: Sequence[model.Matrix | None]) -> model.Matrix | None:
    if all(matrix is None for matrix in matrices):
        return None
    requested: set[str] = set()
    ran: set[str] = set()
    pairs: set[str] = set()
    failed: dict[str, str] = {}
    excluded = valid_pairs = 0
    for matrix in matrices:
        if matrix is None:
            continue
        requested.update(matrix.requested)
        ran.update(matrix.ran)
        pairs.update(matrix.pairs)
        failed |= matrix.failed
        # These count for the whole matrix, whichever part of it a shard has run.
        excluded = max(excluded, matrix.excluded)
        valid_pairs = max(valid_pairs, matrix.valid_pairs)
    for name in ran:
        # What failed in one shard may have run in another.
        failed.pop(name, None)
    return model.Matrix(
        requested=sorted(requested),
        ran=sorted(ran),
        failed=failed,
        excluded=excluded,
        pairs=sorted(pairs),
        valid_pairs=valid_pairs,
    )
