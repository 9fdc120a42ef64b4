"""The cells of the matrix: under which environments batch and online run.

Light: pytest asks for the names of cells when it collects, long before anything is built.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib import metadata
from itertools import combinations, product
from math import prod
from pathlib import Path
from typing import Any, Literal, get_args

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from skewtest.declare.environment import HERE, Environment
from skewtest.environments.settings import environments_of, tool_table
from skewtest.errors import DeclarationError, listed, nearest

Selection = Literal["none", "declared", "star", "pairwise", "full"]
SELECTIONS: tuple[Selection, ...] = get_args(Selection)
PYTHON = "python"
MOST_COMBINATIONS = 200_000
KEYS = ("batch", "online", "axes", "serving", "requirements", "exclude", "views")

Choice = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Cell:
    """One pair of environments: batch runs in the first, online in the second.

    Attributes:
        batch: the environment of training.
        online: the environment of serving.
        views: the names of the views it is for; empty: all.
    """

    batch: Environment
    online: Environment
    views: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """What test ids call it."""
        return f"{self.batch.name}~{self.online.name}"


@dataclass(frozen=True, slots=True)
class Cells:
    """The cells that were chosen, and what was left out.

    Attributes:
        cells: in the order in which they are declared.
        excluded: how many combinations the excludes leave out.
        pairs: the pairs of versions that the cells of axes cover, such as `pandas 1.5.3 with numpy
            1.26.4`; none for a star.
        valid_pairs: how many pairs there are that some valid combination holds.
    """

    cells: tuple[Cell, ...] = ()
    excluded: int = 0
    pairs: tuple[str, ...] = ()
    valid_pairs: int = 0

    def for_view(self, name: str) -> tuple[Cell, ...]:
        """Return the cells of a view."""
        return tuple(cell for cell in self.cells if not cell.views or name in cell.views)

    def named(self, name: str) -> Cell | None:
        """Return a cell by its name."""
        return next((cell for cell in self.cells if cell.name == name), None)


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
        held = dict(choice)
        return not any(
            all(held.get(name) == version for name, version in rule.items())
            for rule in self.exclude
        )

    def environment(self, choice: Choice) -> Environment:
        """Return the environment of a choice; what it leaves open stays as it is in serving."""
        held = dict(choice)
        python = held.pop(PYTHON, None) or self.serving.python
        preferred = serving_versions(self.serving)
        pins = [f"{name}=={version}" for name, version in held.items()]
        named = {canonicalize_name(name) for name in held}
        others = [
            t for t in self.requirements if canonicalize_name(Requirement(t).name) not in named
        ]
        open_axes = [
            name for name in self.values if name != PYTHON and canonicalize_name(name) not in named
        ]
        return Environment(
            "_".join(f"{name.replace('-', '_')}{_short(version)}" for name, version in choice),
            python=python,
            requirements=[*pins, *others, *open_axes],
            prefer=[f"{n}=={v}" for n, v in preferred.items() if n not in named],
            path=self.serving.path,
            root=self.serving.root,
        )


def cells_of(project: Path | None, selection: Selection = "star") -> Cells:
    """Return the cells that a pyproject.toml declares.

    Args:
        project: the file; None: there is none, and no cells.
        selection: "none"; "declared": pairs of environments alone; of axes besides "star": one
            axis at a time from serving, "pairwise": each pair of versions once, or "full".

    Raises:
        DeclarationError: what is declared is wrong.
    """
    entries = tool_table(project).get("matrix", [])
    if selection == "none" or not entries or project is None:
        return Cells()
    if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
        raise DeclarationError(f"{project}: write the matrix as [[tool.skewtest.matrix]]")
    environments = environments_of(project)
    found: dict[str, Cell] = {}
    excluded = valid = 0
    covered: set[str] = set()
    for number, entry in enumerate(entries):
        place = f"{project}: [[tool.skewtest.matrix]] number {number + 1}"
        _check_keys(place, entry)
        views = _texts(place, "views", entry.get("views", []))
        for cell in _declared(place, entry, environments, views):
            found.setdefault(cell.name, cell)
        axes = _axes(place, entry, environments)
        if axes is None or selection == "declared":
            continue
        choices, left_out, (pairs, valid_pairs) = chosen(axes, selection)
        excluded += left_out
        covered |= pairs
        valid += valid_pairs
        for choice in choices:
            cell = Cell(axes.environment(choice), axes.serving, views)
            found.setdefault(cell.name, cell)
    return Cells(tuple(found.values()), excluded, tuple(sorted(covered)), valid)


def chosen(axes: Axes, selection: Selection) -> tuple[list[Choice], int, tuple[set[str], int]]:
    """Return choices of versions, how many are excluded, the pairs covered and their number."""
    size = prod(len(versions) for versions in axes.values.values())
    if selection == "star":
        every = list(star(axes))
        valid = [choice for choice in every if axes.is_valid(choice)]
        return valid, len(every) - len(valid), (set(), 0)
    if size > MOST_COMBINATIONS:
        raise DeclarationError(
            f"axes of {size:,} combinations are too many; at most {MOST_COMBINATIONS:,}. Leave "
            "out some versions, or choose --skew-matrix=star."
        )
    every = [
        tuple(zip(axes.values, versions, strict=True))
        for versions in product(*axes.values.values())
    ]
    valid = [choice for choice in every if axes.is_valid(choice)]
    pairs = {pair for choice in valid for pair in combinations(choice, 2)}
    picked = valid if selection == "full" else pairwise(axes, valid, pairs)
    covered = {pair for choice in picked for pair in combinations(choice, 2)}
    assert covered == pairs, "a valid pair of versions is not covered"
    told = {" with ".join(f"{name} {version}" for name, version in pair) for pair in covered}
    return picked, len(every) - len(valid), (told, len(pairs))


def star(axes: Axes) -> Iterator[Choice]:
    """Yield choices that differ from serving in one axis each."""
    served = serving_versions(axes.serving)
    served.setdefault(PYTHON, axes.serving.python or "")
    for name, versions in axes.values.items():
        for version in versions:
            if served.get(canonicalize_name(name)) != version:
                yield ((name, version),)


def pairwise(axes: Axes, valid: Sequence[Choice], pairs: set[Any]) -> list[Choice]:
    """Return choices that hold every valid pair of versions at least once.

    A covering-array library makes them. Those that an exclude matches are dropped, and what is then
    left uncovered is covered by the valid choices that hold most of it.
    """
    from covertable import make  # noqa: PLC0415 - for this selection alone

    if len(axes.values) < 2:  # noqa: PLR2004 - a pair
        return list(valid)
    rows = make({name: list(versions) for name, versions in axes.values.items()}, strength=2)
    known = set(valid)
    picked = [c for row in rows if (c := tuple((n, row[n]) for n in axes.values)) in known]
    left = pairs - {pair for choice in picked for pair in combinations(choice, 2)}
    while left:
        best = max(valid, key=lambda choice: len(left & set(combinations(choice, 2))))
        picked.append(best)
        left -= set(combinations(best, 2))
    return list(dict.fromkeys(picked))


def serving_versions(serving: Environment) -> dict[str, str]:
    """Return the versions that serving pins; of "here", those that are installed."""
    if serving.name == HERE:
        return {
            canonicalize_name(found.metadata["Name"]): found.version
            for found in metadata.distributions()
            if found.metadata["Name"]
        }
    pins = {}
    for text in serving.requirements:
        requirement = Requirement(text)
        exact = [s.version for s in requirement.specifier if s.operator == "=="]
        if exact:
            pins[str(canonicalize_name(requirement.name))] = exact[0]
    return pins


def _declared(
    place: str,
    entry: Mapping[str, Any],
    environments: Mapping[str, Environment],
    views: tuple[str, ...],
) -> Iterator[Cell]:
    sides = {}
    for side in ("batch", "online"):
        names = _texts(place, side, entry.get(side, []))
        sides[side] = [_environment(place, side, name, environments) for name in names]
    if bool(sides["batch"]) != bool(sides["online"]):
        missing = "online" if sides["batch"] else "batch"
        raise DeclarationError(f"{place}: name the environments of {missing} as well, or 'here'")
    if not sides["batch"] and "axes" not in entry:
        raise DeclarationError(f"{place} needs batch and online, or axes")
    for batch, online in product(sides["batch"], sides["online"]):
        if not (batch.is_here and online.is_here):
            yield Cell(batch, online, views)


def _axes(
    place: str, entry: Mapping[str, Any], environments: Mapping[str, Environment]
) -> Axes | None:
    table = entry.get("axes")
    if table is None:
        return None
    if not isinstance(table, dict) or not table:
        raise DeclarationError(
            f"{place}: axes must be a table such as {{ pandas = ['1.5.3', '2.3.3'] }}; "
            f"got {table!r}"
        )
    values = {name: _texts(place, f"axes.{name}", versions) for name, versions in table.items()}
    serving = _environment(place, "serving", entry.get("serving", HERE), environments)
    exclude = entry.get("exclude", [])
    if not isinstance(exclude, list) or not all(isinstance(rule, dict) for rule in exclude):
        raise DeclarationError(f"{place}: exclude must be a list of tables; got {exclude!r}")
    for rule in exclude:
        for name in rule:
            if name not in values:
                raise DeclarationError(
                    f"{place}: exclude names {name!r}, which is no axis; "
                    f"there are {listed(values)}." + nearest(name, values)
                )
    requirements = _texts(place, "requirements", entry.get("requirements", []))
    return Axes(values, serving, requirements, tuple(exclude))


def _environment(
    place: str, side: str, name: object, environments: Mapping[str, Environment]
) -> Environment:
    if not isinstance(name, str) or name not in environments:
        raise DeclarationError(
            f"{place}: {side} names the environment {name!r}; there are {listed(environments)}."
            + nearest(str(name), environments)
        )
    return environments[name]


def _check_keys(place: str, entry: Mapping[str, Any]) -> None:
    for key in entry:
        if key not in KEYS:
            raise DeclarationError(
                f"{place} has no key {key!r}; it has {listed(KEYS)}." + nearest(key, KEYS)
            )


def _texts(place: str, name: str, values: object) -> tuple[str, ...]:
    if isinstance(values, list) and all(isinstance(value, str) for value in values):
        return tuple(values)
    raise DeclarationError(f"{place}: {name} must be a list of texts; got {values!r}")


def _short(version: str) -> str:
    return version.removesuffix(".*")
