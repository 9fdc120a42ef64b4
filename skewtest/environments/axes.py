"""Axes of the matrix: versions of some packages, and which combinations of them are tried."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib import metadata
from itertools import combinations, product
from math import prod
from typing import Literal, TypeAlias

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from skewtest.declare.environment import HERE, Environment
from skewtest.errors import DeclarationError

Selection: TypeAlias = Literal["none", "declared", "star", "pairwise", "full"]
PYTHON = "python"

# All combinations are listed to find the valid ones; more than these take minutes and gigabytes.
MOST_COMBINATIONS = 200_000

Version: TypeAlias = tuple[str, str]
"""A package, or "python", and a version of it."""
Choice: TypeAlias = tuple[Version, ...]
Pair: TypeAlias = tuple[Version, Version]


@dataclass(frozen=True, slots=True)
class Axes:
    """Versions to choose from.

    Attributes:
        values: by package, or "python".
        serving: what the online side runs in.
        requirements: what every environment has besides.
        exclude: combinations that are left out.
    """

    values: Mapping[str, tuple[str, ...]]
    serving: Environment
    requirements: tuple[str, ...] = ()
    exclude: tuple[Mapping[str, str], ...] = ()

    def is_valid(self, choice: Choice) -> bool:
        """Return whether no exclude matches a choice of versions."""
        versions = dict(choice)
        for rule in self.exclude:
            if all(versions.get(name) == version for name, version in rule.items()):
                return False
        return True

    def environment(self, choice: Choice) -> Environment:
        """Return the environment of a choice; what it leaves open stays as it is in serving."""
        versions = dict(choice)
        python = versions.pop(PYTHON, None) or self.serving.python
        chosen_names = {canonicalize_name(name) for name in versions}
        requirements = [f"{name}=={version}" for name, version in versions.items()]
        requirements += self._other_requirements(chosen_names)
        preferred = []
        for name, version in serving_versions(self.serving).items():
            if name not in chosen_names:
                preferred.append(f"{name}=={version}")
        return Environment(
            _name_choice(choice),
            python=python,
            requirements=requirements,
            prefer=preferred,
            path=self.serving.path,
            root=self.serving.root,
        )

    def _other_requirements(self, chosen_names: Collection[str]) -> list[str]:
        """Return what a choice leaves open: the requirements, and the axes without a version."""
        requirements = []
        for text in self.requirements:
            if canonicalize_name(Requirement(text).name) not in chosen_names:
                requirements.append(text)
        for name in self.values:
            if name != PYTHON and canonicalize_name(name) not in chosen_names:
                requirements.append(name)
        return requirements


@dataclass(frozen=True, slots=True)
class Choices:
    """The combinations of versions that are tried.

    Attributes:
        choices: each one an environment.
        excluded: how many combinations the excludes leave out.
        pairs: the pairs of versions that they cover, as text; none for a star.
        valid_pairs: how many pairs there are that some valid combination holds.
    """

    choices: tuple[Choice, ...]
    excluded: int
    pairs: frozenset[str] = frozenset()
    valid_pairs: int = 0


def choose_versions(axes: Axes, selection: Selection) -> Choices:
    """Return the combinations of versions that a selection tries.

    Raises:
        DeclarationError: there are too many combinations to choose from.
    """
    candidates = list(star(axes)) if selection == "star" else _list_combinations(axes)
    valid = list(filter(axes.is_valid, candidates))
    if selection == "star":
        return Choices(tuple(valid), len(candidates) - len(valid))
    valid_pairs = _pairs_of(valid)
    choices = valid
    if selection == "pairwise":
        choices = pairwise(axes, valid, valid_pairs)
    covered = _pairs_of(choices)
    assert covered == valid_pairs, "a valid pair of versions is not covered"
    return Choices(
        choices=tuple(choices),
        excluded=len(candidates) - len(valid),
        pairs=frozenset(map(_pair_text, covered)),
        valid_pairs=len(valid_pairs),
    )


def star(axes: Axes) -> Iterator[Choice]:
    """Yield choices that differ from serving in one axis each."""
    serving = serving_versions(axes.serving)
    serving.setdefault(PYTHON, axes.serving.python or "")
    for name, versions in axes.values.items():
        for version in versions:
            if serving.get(canonicalize_name(name)) != version:
                yield ((name, version),)


def pairwise(axes: Axes, valid: Sequence[Choice], pairs: set[Pair]) -> list[Choice]:
    """Return choices that hold every valid pair of versions at least once.

    A covering-array library makes them. Those that an exclude matches are dropped, and what is then
    left uncovered is covered by the valid choices that hold most of it.

    Args:
        axes: the versions to choose from.
        valid: the choices that no exclude matches.
        pairs: the pairs that they hold.
    """
    from covertable import make  # noqa: PLC0415 - for this selection alone

    if len(axes.values) < 2:  # noqa: PLR2004 - a pair
        return list(valid)
    rows = make({name: list(versions) for name, versions in axes.values.items()}, strength=2)
    valid_choices = set(valid)
    choices = []
    for row in rows:
        choice = tuple((name, row[name]) for name in axes.values)
        if choice in valid_choices:
            choices.append(choice)
    uncovered = pairs - _pairs_of(choices)
    # Greedy is enough: each round covers one pair at least, and excludes break few of them.
    while uncovered:
        best = valid[0]
        most = 0
        for choice in valid:
            gain = len(uncovered & _pairs_of([choice]))
            if gain > most:
                best, most = choice, gain
        choices.append(best)
        uncovered -= _pairs_of([best])
    return list(dict.fromkeys(choices))


def serving_versions(serving: Environment) -> dict[str, str]:
    """Return the versions that serving pins; of "here", those that are installed."""
    versions: dict[str, str] = {}
    if serving.name == HERE:
        for distribution in metadata.distributions():
            name = distribution.metadata["Name"]
            if name:  # an uninstall that broke off leaves folders without one
                versions[canonicalize_name(name)] = distribution.version
        return versions
    for text in serving.requirements:
        requirement = Requirement(text)
        for specifier in requirement.specifier:
            if specifier.operator == "==":
                versions.setdefault(canonicalize_name(requirement.name), specifier.version)
    return versions


def _list_combinations(axes: Axes) -> list[Choice]:
    size = prod(len(versions) for versions in axes.values.values())
    if size > MOST_COMBINATIONS:
        raise DeclarationError(
            f"axes of {size:,} combinations are too many; at most {MOST_COMBINATIONS:,}. Leave "
            "out some versions, or choose --skew-matrix=star."
        )
    combined = product(*axes.values.values())
    return [tuple(zip(axes.values, versions, strict=True)) for versions in combined]


def _pairs_of(choices: Sequence[Choice]) -> set[Pair]:
    pairs: set[Pair] = set()
    for choice in choices:
        pairs.update(combinations(choice, 2))
    return pairs


def _pair_text(pair: Pair) -> str:
    return " with ".join(f"{name} {version}" for name, version in pair)


def _name_choice(choice: Choice) -> str:
    """Return an environment's name; test ids hold it, and `-` parts them."""
    parts = []
    for name, version in choice:
        parts.append(f"{name.replace('-', '_')}{version.removesuffix('.*')}")
    return "_".join(parts)
