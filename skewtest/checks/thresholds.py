"""Which package parts groups of environments: the versions at which their answers change."""

from collections.abc import Sequence
from itertools import pairwise

from packaging.version import InvalidVersion, Version

from skewtest.results.values import Versions

Span = tuple[Version, Version]
"""The lowest and the highest version of a package in one group."""


def find_thresholds(groups: Sequence[Sequence[Versions]]) -> tuple[str, ...]:
    """Return the packages whose versions part the groups, as `pandas: <= 1.5.3 | >= 2.0.0`.

    A package explains the groups if, in order of its version, no group is torn apart.

    Args:
        groups: of environments that answer alike, each at least one.
    """
    thresholds = []
    for name in sorted(_intersect_packages(groups)):
        spans = _spans_of(name, groups)
        if spans is not None:
            thresholds.append(f"{name} {_describe_spans(spans)}")
    return tuple(thresholds)


def _intersect_packages(groups: Sequence[Sequence[Versions]]) -> set[str]:
    # A package that some environment lacks has no version there to be put in order.
    packages = [set(versions.packages) for group in groups for versions in group]
    return set.intersection(*packages)


def _spans_of(name: str, groups: Sequence[Sequence[Versions]]) -> list[Span] | None:
    """Return the lowest and highest version of each group, ascending; None where they overlap."""
    spans = []
    for group in groups:
        try:
            versions = [Version(environment.packages[name]) for environment in group]
        except InvalidVersion:
            return None
        spans.append((min(versions), max(versions)))
    spans.sort()
    for (_, high), (low, _) in pairwise(spans):
        if high >= low:
            return None
    return spans


def _describe_spans(spans: Sequence[Span]) -> str:
    texts = []
    for low, high in spans[1:-1]:
        if low == high:
            texts.append(f"{low}")
        else:
            texts.append(f"{low} to {high}")
    # Nothing is known beyond the versions that ran, but the change lies between the groups.
    return " | ".join([f"<= {spans[0][1]}", *texts, f">= {spans[-1][0]}"])
