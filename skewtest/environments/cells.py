"""The cells of the matrix: under which environments batch and online run.

Light: pytest asks for the names of cells when it collects, long before anything is built.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any

from skewtest.declare.environment import HERE, Environment
from skewtest.environments.axes import Axes, Selection, choose_versions
from skewtest.environments.settings import environments_of, tool_table
from skewtest.errors import DeclarationError, listed, nearest

KEYS = ("batch", "online", "axes", "serving", "requirements", "exclude", "views")


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
    # Two entries may come to the same pair of environments: it is run once, as the first has it.
    by_name: dict[str, Cell] = {}
    pairs: set[str] = set()
    excluded = valid_pairs = 0
    for number, entry in enumerate(entries, 1):
        parser = _EntryParser(
            f"{project}: [[tool.skewtest.matrix]] number {number}", entry, environments
        )
        cells = parser.parse(selection)
        for cell in cells.cells:
            by_name.setdefault(cell.name, cell)
        excluded += cells.excluded
        pairs.update(cells.pairs)
        valid_pairs += cells.valid_pairs
    return Cells(tuple(by_name.values()), excluded, tuple(sorted(pairs)), valid_pairs)


@dataclass(frozen=True, slots=True)
class _EntryParser:
    """Parses one entry of the matrix.

    Attributes:
        place: how errors call the entry.
        entry: its table.
        environments: those declared, by name.
    """

    place: str
    entry: Mapping[str, Any]
    environments: Mapping[str, Environment]

    def parse(self, selection: Selection) -> Cells:
        """Return the cells of the entry.

        Raises:
            DeclarationError: what is declared is wrong.
        """
        for key in self.entry:
            if key not in KEYS:
                raise DeclarationError(
                    f"{self.place} has no key {key!r}; it has {listed(KEYS)}." + nearest(key, KEYS)
                )
        views = self._texts("views", self.entry.get("views", []))
        cells = list(self._parse_pairs(views))
        axes = self._parse_axes()
        if axes is None or selection == "declared":
            return Cells(tuple(cells))
        choices = choose_versions(axes, selection)
        for choice in choices.choices:
            cells.append(Cell(axes.environment(choice), axes.serving, views))
        pairs = tuple(choices.pairs)
        return Cells(tuple(cells), choices.excluded, pairs, choices.valid_pairs)

    def _parse_pairs(self, views: tuple[str, ...]) -> Iterator[Cell]:
        batch_environments = self._environments_of_side("batch")
        online_environments = self._environments_of_side("online")
        if bool(batch_environments) != bool(online_environments):
            missing = "batch"
            if batch_environments:
                missing = "online"
            raise DeclarationError(
                f"{self.place}: name the environments of {missing} as well, or 'here'"
            )
        if not batch_environments and "axes" not in self.entry:
            raise DeclarationError(f"{self.place} needs batch and online, or axes")
        for batch, online in product(batch_environments, online_environments):
            # Both here is what every run checks without a matrix.
            if not (batch.is_here and online.is_here):
                yield Cell(batch, online, views)

    def _environments_of_side(self, side: str) -> list[Environment]:
        names = self._texts(side, self.entry.get(side, []))
        return [self._environment(side, name) for name in names]

    def _parse_axes(self) -> Axes | None:
        table = self.entry.get("axes")
        if table is None:
            return None
        if not isinstance(table, dict) or not table:
            raise DeclarationError(
                f"{self.place}: axes must be a table such as {{ pandas = ['1.5.3', '2.3.3'] }}; "
                f"got {table!r}"
            )
        values = {name: self._texts(f"axes.{name}", table[name]) for name in table}
        return Axes(
            values=values,
            serving=self._environment("serving", self.entry.get("serving", HERE)),
            exclude=self._parse_excludes(values),
            requirements=self._texts("requirements", self.entry.get("requirements", [])),
        )

    def _parse_excludes(
        self, values: Mapping[str, tuple[str, ...]]
    ) -> tuple[Mapping[str, str], ...]:
        rules = self.entry.get("exclude", [])
        if not isinstance(rules, list) or not all(isinstance(rule, dict) for rule in rules):
            raise DeclarationError(f"{self.place}: exclude must be a list of tables; got {rules!r}")
        for rule in rules:
            for name in rule:
                if name not in values:
                    raise DeclarationError(
                        f"{self.place}: exclude names {name!r}, which is no axis; "
                        f"there are {listed(values)}." + nearest(name, values)
                    )
        return tuple(rules)

    def _environment(self, side: str, name: object) -> Environment:
        if not isinstance(name, str) or name not in self.environments:
            raise DeclarationError(
                f"{self.place}: {side} names the environment {name!r}; there are "
                f"{listed(self.environments)}." + nearest(str(name), self.environments)
            )
        return self.environments[name]

    def _texts(self, key: str, values: object) -> tuple[str, ...]:
        if isinstance(values, list) and all(isinstance(value, str) for value in values):
            return tuple(values)
        raise DeclarationError(f"{self.place}: {key} must be a list of texts; got {values!r}")
