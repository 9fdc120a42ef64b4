"""`[tool.skewtest]` of pyproject.toml, as far as it can be read without loading skewtest."""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

KEYS = ("views", "environments", "matrix", "known", "renamed")


@dataclass(frozen=True, slots=True)
class Project:
    """What pyproject.toml says of skewtest.

    Attributes:
        file: the pyproject.toml.
        views: the names of the modules whose views are checked.
        known: the entries of `[[tool.skewtest.known]]`, as they stand.
        renamed: by the name that a view had when counterexamples were kept, the one that it has.
        has_matrix: whether environments or a version matrix are declared.
    """

    file: Path
    views: tuple[str, ...] = ()
    known: Any = ()
    has_matrix: bool = False
    renamed: Mapping[str, str] = field(default_factory=dict)

    @property
    def declares_checks(self) -> bool:
        """Whether more is declared than modules: it is read and judged before any test runs."""
        return bool(self.known) or self.has_matrix


def read_project(file: Path) -> Project:
    """Return what a pyproject.toml says.

    Raises:
        UsageError: it is no TOML, or has a key that there is not.
    """
    try:
        document = tomllib.loads(file.read_text(encoding="utf-8"))
    # ValueError: no TOML, no UTF-8, or a number or date that Python does not take.
    except (ValueError, RecursionError, OSError) as error:
        raise pytest.UsageError(f"{file}: {error}") from error
    table: Any = document.get("tool", {})
    if isinstance(table, dict):
        table = table.get("skewtest", {})
    if not isinstance(table, dict):
        raise pytest.UsageError(f"{file}: tool and tool.skewtest must be tables; got {table!r}")
    for key in table:
        if key not in KEYS:
            raise pytest.UsageError(
                f"{file}: [tool.skewtest] knows {', '.join(KEYS)}; got {key!r}. "
                "Options are ini keys: skew_histories, skew_seconds, skew_profile, skew_corpus."
            )
    # One name as a text is a sequence too: of its letters.
    views = table.get("views", [])
    if not isinstance(views, list) or not all(isinstance(name, str) for name in views):
        raise pytest.UsageError(
            f"{file}: [tool.skewtest] views must be a list of module names; got {views!r}"
        )
    renamed = table.get("renamed", {})
    is_mapping = isinstance(renamed, dict)
    if not is_mapping or not all(isinstance(name, str) for name in renamed.values()):
        raise pytest.UsageError(
            f'{file}: [tool.skewtest] renamed must be names of views: {{old = "new"}}; '
            f"got {renamed!r}"
        )
    has_matrix = "matrix" in table or "environments" in table
    return Project(file, tuple(views), table.get("known", ()), has_matrix, renamed)
