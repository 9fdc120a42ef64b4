"""What a finding claims, and what speaks for it: made into texts once, from a live finding."""

from collections.abc import Mapping, Sequence
from typing import Any

from skewtest.checks.opinions import LAW
from skewtest.compare.rounding import relative_size
from skewtest.compare.tables import Tally
from skewtest.compare.values import ToleranceError, difference, nothing_of
from skewtest.report.failures import failure_headline
from skewtest.report.opinions import list_opinions
from skewtest.report.words import difference_text, value_text
from skewtest.results.finding import ALL_FEATURES, Finding
from skewtest.results.outcome import Outcome

# A view of 200 features has one that differs and 199 beside it: more than these hide it.
MOST_VALUES = 12
MIXES = "it shows only where entities share a batch call: they mix"
SEEN_ONCE = "it was seen once: nothing that was tried shows it again, so this is what was seen"
NOT_MINIMISED = "its history was not minimised to its end"
# Kinds that concern whole rows, or that no row is counted for.
UNCOUNTED_KINDS = ("missing row", "extra row", "error", "timeout")


def choose_values(finding: Finding) -> Mapping[str, tuple[Any, Any]]:
    """Return the answers of the features that matter most to a finding, in their order.

    Its own comes first, then those that differ too.
    """
    if len(finding.values) <= MOST_VALUES:
        return finding.values

    def urgency(name: str) -> tuple[bool, bool]:
        return name != finding.feature, not difference_of(finding, name)

    # Urgency chooses; the order stays that of the view, which the reader knows.
    urgent = set(sorted(finding.values, key=urgency)[:MOST_VALUES])
    return {name: ends for name, ends in finding.values.items() if name in urgent}


def late_share(tally: Tally) -> str:
    """Return in how many answers to histories with late events the sides differ."""
    differ = tally.compared - tally.match
    return f"{differ / tally.compared:.0%} of {tally.compared:,} answers, where events arrive late"


def difference_of(finding: Finding, name: str) -> str:
    """Return how far a feature's two answers are apart; "" where its tolerance calls them equal.

    The finding's own feature differs, whatever else is known of it.
    """
    left, right = finding.values[name]
    example = finding.counterexample
    if example is not None and name in example.view.features and name != finding.feature:
        view = example.view
        try:
            kind = difference(left, right, view.features[name], view.equal)
        except ToleranceError:
            kind = "error"
        if kind is None:
            return ""
    return difference_text(left, right)


def evidence(outcome: Outcome, finding: Finding) -> list[str]:
    """Return what speaks for a finding's cause, a sentence each."""
    sentences = []
    if finding.kind == "null" and not finding.relation:
        sentences.append(nothings_text(finding))
    tally = outcome.tallies.get(finding.feature)
    is_counted = finding.scenario == "late" and finding.kind not in UNCOUNTED_KINDS
    if is_counted and tally is not None and tally.compared:
        sentences.append(f"the sides differ in {late_share(tally)}")
    if setting := setting_of(finding):
        sentences.append(f"{finding.scenario}: {setting}")
    if not finding.alone:
        sentences.append(MIXES)
    if not finding.recurs:
        sentences.append(SEEN_ONCE)
    if instability := instability_of(finding):
        sentences.append(instability)
    if not finding.is_minimal:
        sentences.append(NOT_MINIMISED)
    sentences += list_opinions(finding.opinion)
    attribution = finding.attribution
    if attribution is not None and attribution.is_by_version:
        sentences.append(culprits_text(attribution.culprits, attribution.tried or 1))
    return sentences


def setting_of(finding: Finding) -> str:
    """Return what a scenario was tried with: a zone, a format, a store; "" of the others."""
    if finding.counterexample is None:
        return ""
    delivery = finding.counterexample.history.scenario.delivery
    settings = {"zoned": delivery.zone, "re-encoded": delivery.wire, "stored": delivery.store}
    setting = settings.get(finding.scenario, "")
    if isinstance(setting, str):
        return setting
    return str(getattr(setting, "__qualname__", setting))


def nothings_text(finding: Finding) -> str:
    """Return which side has no value, and which kind of nothing it has; "" of other kinds."""
    if finding.kind != "null":
        return ""
    left = nothing_of(finding.divergence.left) or "a value"
    right = nothing_of(finding.divergence.right) or "a value"
    return f"one side has {left} and the other {right}"


def instability_of(finding: Finding) -> str:
    """Return how much an unstable side is off by, and how that is known; "" of other kinds."""
    if finding.kind != "unstable":
        return ""
    size = relative_size(finding.divergence)
    return (
        f"off by {size:.2g} of the value through rounding: where the last bits of the inputs move, "
        f"{finding.side or 'each side'} scatters as much, and on plain numbers the sides agree"
    )


def surplus_text(finding: Finding) -> str:
    """Return which row batch returns beyond those that were asked for; "" of other kinds."""
    if finding.kind != "extra row":
        return ""
    extra = finding.divergence.left
    # A view without an entity has none to name.
    whose = ""
    if len(extra.key) > 1:
        whose = f" for the entity {', '.join(map(value_text, extra.key[:-1]))}"
    if extra.asked:
        count = extra.count + 1
        return f"batch returns {count} rows{whose} at one as_of; expected one."
    rows = "a row" if extra.count == 1 else f"{extra.count} rows"
    return f"batch returns {rows}{whose} at an as_of that the spine does not ask for."


def culprits_text(culprits: Sequence[str], tried: int) -> str:
    """Return which packages make a difference, after some were flipped one at a time."""
    if culprits:
        return f"{'; '.join(culprits)} alone reproduces it"
    if tried:
        return f"none of {tried} packages reproduces it alone"
    return "several packages differ; explain=True flips them one at a time"


def headline(finding: Finding, view: str) -> str:
    """Return the claim of a finding, in one line."""
    subject = view if finding.feature == ALL_FEATURES else f"{view}.{finding.feature}"
    failures = finding.failures
    if finding.relation == LAW:
        return f"{subject}: batch and online agree, and the reference does not"
    if finding.relation:
        return f"{subject}: {finding.side} breaks {finding.relation}"
    if finding.kind == "nondeterministic":
        return f"{subject}: {finding.side or 'a side'} answers differently when run twice"
    if len(failures) > 1:
        return f"{subject}: batch and online both fail"
    if failures:
        return f"{subject}: {failure_headline(failures[0])}"
    return f"{subject}: {_difference_claim(finding)}"


def _difference_claim(finding: Finding) -> str:
    if finding.kind == "unstable":
        return f"{finding.side or 'both sides'} unstable: mathematically equal, lost to rounding"
    if finding.kind == "missing row":
        side = "batch" if nothing_of(finding.divergence.left) == "missing" else "online"
        return f"{side} has no row"
    if finding.kind == "extra row" and finding.divergence.left.asked:
        return "batch returns a row more than once"
    if finding.kind == "extra row":
        return "batch returns rows that were not asked for"
    if finding.kind == "dtype":
        return "batch and online have different types"
    return "batch and online disagree"
