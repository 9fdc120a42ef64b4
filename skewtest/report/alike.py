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
    if first.counterexample is None or first.failures or second.failures:
        return False
    # Each says of another row that nobody asked for it.
    if first.surplus:
        return False
    return _shown_by(first) == _shown_by(second)


def _shown_by(finding: model.Finding) -> tuple[object, ...]:
    return finding.counterexample, finding.relation, finding.side, finding.is_news


def values_of(findings: Sequence[model.Finding]) -> tuple[Mapping[str, model.Answer], int]:
    """Return the answers of findings that are told together, and how many are not shown."""
    first = findings[0]
    total = len(first.values) + first.unshown
    answers = dict(first.values)
    for finding in findings[1:]:
        answers.update(finding.values)
    own = {finding.feature for finding in findings}

    def rank(name: str) -> int:
        if name in own:
            return 0
        return 1 if answers[name].difference else 2

    chosen = set(sorted(answers, key=rank)[:MOST_VALUES])
    shown = {name: answer for name, answer in answers.items() if name in chosen}
    return shown, total - len(shown)


def name_first(texts: Sequence[str]) -> list[str]:
    """Return the first few texts, and how many more there are."""
    more = len(texts) - MOST_ALIKE
    return [*texts[:MOST_ALIKE], f"and {more} more"] if more > 0 else list(texts)
