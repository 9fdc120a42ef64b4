"""With which versions a report was made: packages by environment."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from skewtest.report import model

HERE = "here"
"""What the version matrix calls the environment of the run itself."""
PYTHON = "python"


@dataclass(frozen=True, slots=True)
class Installed:
    """What is installed in each environment.

    Attributes:
        environments: their names, that of the run first.
        rows: (package, its version by environment, "" where it is missing, whether these differ);
            Python first, then what differs, then by name.
    """

    environments: tuple[str, ...] = ()
    rows: tuple[tuple[str, tuple[str, ...], bool], ...] = ()


def list_installed(report: model.Report) -> Installed:
    """Return what is installed in each environment of a report that says so."""
    environments: dict[str, Mapping[str, str]] = {}
    names: dict[str, None] = {}
    for name, packages in _environments(report):
        # An environment of several cells is one column.
        environments.setdefault(name, packages)
        names.update(dict.fromkeys(environments[name]))
    rows = []
    for name in names:
        versions = [packages.get(name, "") for packages in environments.values()]
        rows.append((name, tuple(versions), len(set(versions)) > 1))
    rows.sort(key=lambda row: (row[0] != PYTHON, not row[2], row[0]))
    return Installed(tuple(environments), tuple(rows))


def _environments(report: model.Report) -> Iterator[tuple[str, Mapping[str, str]]]:
    if report.run is not None:
        yield HERE, {PYTHON: report.run.host.python, **report.run.packages}
    environments: list[model.Versions] = []
    for outcome in report.outcomes:
        # Outside the version matrix there is no cell: both sides run here.
        environments += outcome.cell or []
    for spread in report.versions:
        environments += spread.environments
    for compared in report.compared:
        environments += compared.environments
    for environment in environments:
        yield environment.name, environment.packages
