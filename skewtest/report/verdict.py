"""The verdict: derived here alone, from the outcomes and the gaps of a report.

What a file says its verdict is, is compared with it and never believed.
"""

from collections.abc import Iterable

from skewtest.report import model
from skewtest.report.summary import list_set_aside, list_unapplied, not_checked

NOTHING = "no feature view was checked"


def judge(*, ok: bool, has_gaps: bool, is_lost: bool) -> model.Verdict:
    """Return the verdict on what was found, with what is missing.

    Args:
        ok: whether nothing that was checked fails.
        has_gaps: whether something that was to be checked was not.
        is_lost: whether a whole part is lost: what the others found is no verdict on it.
    """
    if is_lost:
        return "incomplete"
    if not ok:
        return "skew"
    return "incomplete" if has_gaps else "parity"


def has_fault(outcomes: Iterable[model.Outcome], compared: Iterable[model.Compared]) -> bool:
    """Return whether something was checked that fails the run."""
    for outcome in outcomes:
        if outcome.is_judged and _shows_fault(outcome):
            return True
    return not all(is_alike(part) for part in compared)


def _shows_fault(outcome: model.Outcome) -> bool:
    """Return whether an outcome is more than a gap: laws that were not applied are no skew."""
    return bool(outcome.news or outcome.untested or outcome.stale)


def is_ok(outcome: model.Outcome) -> bool:
    """Return whether an outcome has nothing against it: neither a fault nor a gap."""
    has_gap = list_unapplied(outcome) or outcome.rejected or outcome.skipped
    return not _shows_fault(outcome) and not has_gap


def is_alike(compared: model.Compared) -> bool:
    """Return whether a function did the same in both environments."""
    return not compared.findings


def list_gaps(outcomes: Iterable[model.Outcome], matrix: model.Matrix | None) -> list[str]:
    """Return which of the checks that were asked for could not be run."""
    gaps: list[str] = []
    for outcome in outcomes:
        gap = not_checked(outcome)
        # A check that was skipped as a whole is one gap, not one for each of its laws.
        gaps += [gap] if gap else list_unapplied(outcome)
        gaps += list_set_aside(outcome)
    if matrix is not None:
        for name, why in matrix.failed.items():
            gaps.append(f"cell {name} could not be run: {why}")
    return gaps


def is_nothing_judged(report: model.Report) -> bool:
    """Return whether a report holds no check that could have failed."""
    is_judged = any(outcome.is_judged for outcome in report.outcomes)
    return not is_judged and not report.compared


def has_lost_part(report: model.Report) -> bool:
    """Return whether a whole part of a report is lost: no fault that it shows is a verdict."""
    return report.verdict == "incomplete" and has_fault(report.outcomes, report.compared)


def derive_verdict(report: model.Report) -> model.Verdict:
    """Return the verdict that follows from the parts of a report and from the gaps it states.

    Only that a whole part is lost cannot be derived: it is believed where gaps are stated.
    """
    gaps = [*report.incomplete, *list_gaps(report.outcomes, report.matrix)]
    return judge(
        ok=not has_fault(report.outcomes, report.compared),
        has_gaps=bool(gaps) or is_nothing_judged(report),
        is_lost=bool(report.incomplete) and has_lost_part(report),
    )
