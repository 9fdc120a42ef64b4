"""Findings that the same history shows are told together: one grouping for every format."""

from collections.abc import Iterable, Mapping, Sequence

from skewtest.report import model
from skewtest.report.claims import MOST_VALUES

# Names of more findings than these fill a page that says the same eight times already.
MOST_ALIKE = 8


def group_alike(findings: Iterable[model.Finding]) -> list[list[model.Finding]]:
    """Return findings in groups that the same counterexample shows, in their order."""
    groups: list[list[model.Finding]] = []
    for finding in findings:
        for group in groups:
            if _is_alike(group[0], finding):
                group.append(finding)
                break
        else:
            groups.append([finding])
    return groups


def _is_alike(first: model.Finding, second: model.Finding) -> bool:
    # A failure has a text of its own, and only that of the first of a group is shown.
    if first.counterexample is None or first.failures or second.failures:
        return False
    # Each says of another row that nobody asked for it.
    if first.surplus:
        return False
    return _identity(first) == _identity(second)


def _identity(finding: model.Finding) -> tuple[object, ...]:
    """Return what two findings have in common that are told together."""
    return finding.counterexample, finding.relation, finding.side, finding.is_news


def values_of(findings: Sequence[model.Finding]) -> tuple[Mapping[str, model.Answer], int]:
    """Return the answers of findings that are told together, and how many are not shown."""
    first = findings[0]
    total = len(first.values) + first.unshown
    answers = dict(first.values)
    for finding in findings[1:]:
        answers.update(finding.values)
    features = {finding.feature for finding in findings}

    def urgency(name: str) -> tuple[bool, bool]:
        return name not in features, not answers[name].difference

    # Urgency chooses; the order stays that of the view, which the reader knows.
    urgent = set(sorted(answers, key=urgency)[:MOST_VALUES])
    chosen = {}
    for name, answer in answers.items():
        if name in urgent:
            chosen[name] = answer
    return chosen, total - len(chosen)


def name_first(texts: Sequence[str]) -> list[str]:
    """Return the first few texts, and how many there are beyond them."""
    beyond = len(texts) - MOST_ALIKE
    if beyond <= 0:
        return list(texts)
    return [*texts[:MOST_ALIKE], f"and {beyond} more"]
