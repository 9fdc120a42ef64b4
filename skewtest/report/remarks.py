"""What is to be known of an outcome beside its findings: said alike in every format."""

from collections import Counter
from collections.abc import Iterable

from skewtest.report import model
from skewtest.report.words import count


def remarks_of(outcome: model.Outcome) -> list[str]:
    """Return what user code, the corpus and the clocks of a log did that nobody asked for."""
    remarks = []
    for finding in outcome.findings:
        if finding.warns:
            remarks.append("; ".join([finding.headline, *_word_values(finding), *finding.evidence]))
    for mutation in outcome.mutated:
        remarks.append(f"{mutation.side} changes its input {mutation.name!r} in place")
    for migrated in outcome.migrated:
        remarks.append(f"kept counterexample {migrated.file} was made to fit: {migrated.changes}")
    remarks += map(_word_early, outcome.early)
    if outcome.tied is not None and outcome.tied.features:
        remarks.append(_word_tied(outcome.tied))
    for reason in outcome.unkept:
        remarks.append(f"a counterexample could not be kept: {reason}")
    return remarks


def _word_values(finding: model.Finding) -> list[str]:
    """Return what both ends answered for the feature of a finding."""
    answer = finding.values.get(finding.feature)
    if answer is None:
        return []
    left, right = finding.pair
    return [f"{left} {answer.left_text}, {right} {answer.right_text}"]


def word_excused(outcomes: Iterable[model.Outcome]) -> str:
    """Return how many rows differ and are no finding, and by which rules; "" where there are none.

    Outcomes that are advice have no verdict that an excuse could speak for.
    """
    rules: Counter[str] = Counter()
    for outcome in outcomes:
        for rows in outcome.excused if outcome.gates else ():
            rules[" and ".join(rows.by)] += rows.rows
    if not rules:
        return ""
    texts = [f"{number:,} {rule}" for rule, number in rules.most_common()]
    return f"{count(rules.total(), 'row')} excused ({', '.join(texts)})"


def _word_early(early: model.Early) -> str:
    """Return how many events of a source arrived before they happened, and what that means."""
    if not early.arrival:  # version 2 did not name the columns
        return f"{early.events:,} events of {early.source!r} arrived before they happened."
    return (
        f"{early.events:,} events of {early.source!r} have {early.arrival!r} "
        f"before {early.time!r}; they were taken as they are. Check which clocks wrote them."
    )


def _word_tied(tied: model.Tied) -> str:
    """Return how many requests have the instant of an event, and what differs in one order."""
    return (
        f"{count(tied.requests, 'request')} at the very instant of an event of the same entity; no "
        "log tells which came first. With the event first, batch and online differ on "
        f"{' and '.join(tied.features)}; with the request first they do not. Where production "
        'learns the event first, this is skew: replay with same_instant="event_first". Where it '
        'answers first, say so with same_instant="request_first".'
    )


def word_reach(reach: model.Reach) -> str:
    """Return what a budget of seconds left out, and which side's cost is the reason."""
    side, cost = "online", reach.online_us
    if reach.batch_us >= reach.online_us:
        side, cost = "batch", reach.batch_us
    text = (
        f"{reach.histories:,} of {reach.planned:,} histories in {reach.seconds:,.0f} s: "
        f"{side} costs {cost / 1_000:.2g} ms a row"
    )
    if reach.left_out:
        text += f"; {reach.left_out:,} of the longest were left out"
    return text


def thread_text(view: str, thread: str) -> str:
    """Return that a thread of user code goes on after the check of a view."""
    return (
        f"{view}: the thread {thread!r} of the code under test has not ended. It was left behind; "
        "end it in close(), or make it a daemon."
    )
