"""What pyproject.toml says of environments and of the cells of the matrix."""

import sys
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from skewtest.declare.environment import HERE, Environment
from skewtest.errors import DeclarationError, listed, nearest


def project_file(start: Path | None = None) -> Path | None:
    """Return the pyproject.toml of a folder or of the nearest one above it, None without one."""
    folder = (start or Path.cwd()).absolute()
    for candidate in (folder, *folder.parents):
        file = candidate / "pyproject.toml"
        if file.is_file():
            return file
    return None


def tool_table(project: Path | None) -> Mapping[str, Any]:
    """Return `[tool.skewtest]` of a pyproject.toml; empty without one.

    Raises:
        DeclarationError: the file is no TOML.
    """
    if project is None:
        return {}
    # A file that cannot be read would leave out the matrix, and the run would pass without it.
    try:
        document = tomllib.loads(project.read_text(encoding="utf-8"))
    except (ValueError, RecursionError, OSError) as error:
        raise DeclarationError(f"{project}: {error}") from error
    table = document.get("tool", {})
    if isinstance(table, dict):
        table = table.get("skewtest", {})
    if not isinstance(table, dict):
        raise DeclarationError(f"{project}: tool and tool.skewtest must be tables; got {table!r}")
    return table


def environments_of(project: Path | None) -> dict[str, Environment]:
    """Return the environments that a pyproject.toml declares, by name; "here" is one of them.

    Raises:
        DeclarationError: one of them is wrong.
    """
    environments = {HERE: here()}
    tables = tool_table(project).get("environments", {})
    if not isinstance(tables, dict):
        raise DeclarationError(
            f"{project}: write each environment as a table [tool.skewtest.environments.NAME]"
        )
    for name, table in tables.items():
        assert project is not None
        # Paths in the file are meant from its own folder, wherever skewtest is run.
        environments[name] = Environment.from_table(name, table, project.parent)
    return environments


def here() -> Environment:
    """Return the environment that skewtest runs in."""
    return Environment(HERE, interpreter=sys.executable)


def find_environment(name: str, project: Path | None = None) -> Environment:
    """Return an environment by its name.

    Raises:
        DeclarationError: pyproject.toml declares none of that name.
    """
    environments = environments_of(project or project_file())
    if name not in environments:
        raise DeclarationError(
            f"pyproject.toml declares no environment {name!r}; there are {listed(environments)}. "
            f"Declare it as [tool.skewtest.environments.{name}]." + nearest(name, environments)
        )
    return environments[name]
