"""Where results come from: code by file, line and hash; revision, machine and libraries."""

import ast
import importlib.metadata
import os
import platform
import re
import subprocess
import time
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from functools import cache
from pathlib import Path

from skewtest.declare.view import FeatureView
from skewtest.report import model
from skewtest.report.words import tolerance_text
from skewtest.results.code import (
    digest_of,
    files_of,
    find_uncovered,
    name_of,
    path_from,
    place_of,
    query_file,
    source_of,
)
from skewtest.sides.parts import parts_of
from skewtest.times import micros

GIT_SECONDS = 5
ADDRESS = re.compile(r" at 0x[0-9a-f]+")
DECLARED = (
    *("name", "sources", "entity", "features", "windows", "as_of", "request", "scope", "zone"),
    *("delivery", "relations"),
)
"""What of a view says which histories it gets, and what of their answers is compared."""

SIDES: tuple[model.SideName, ...] = ("batch", "online")


def run_info(
    report: model.Report, *, command: str, profile: str, began: float, root: Path
) -> model.Run:
    """Return where a report comes from.

    Args:
        report: the report, without it.
        command: what was called.
        profile: the profile that said how much to run.
        began: when it began, in seconds of the epoch.
        root: the folder of the project.
    """
    seeds = {outcome.seed for outcome in report.outcomes}
    # Views may have seeds of their own: no one of them would repeat the run.
    seed = seeds.pop() if len(seeds) == 1 else None
    files: list[str] = []
    for view in report.views:
        files += view.files
    return model.Run(
        time=datetime.fromtimestamp(began, UTC).isoformat(timespec="seconds"),
        seconds=round(time.time() - began, 3),
        profile=profile,
        seed=seed,
        command=command,
        git=git_of(root, files),
        host=model.Host(
            system=platform.system(),
            machine=platform.machine(),
            cpus=os.cpu_count() or 1,
            python=platform.python_version(),
        ),
        packages=packages(),
    )


@cache
def packages() -> dict[str, str]:
    """Return the version of every installed package, by its normalised name."""
    versions: dict[str, str] = {}
    for distribution in importlib.metadata.distributions():
        name = distribution.metadata["Name"]
        if name:
            versions.setdefault(re.sub(r"[-_.]+", "-", name).lower(), distribution.version)
    return dict(sorted(versions.items()))


def git_of(root: Path, files: Iterable[str] = ()) -> model.Git | None:
    """Return the revision of a working tree; None where it is none, or there is no git.

    Args:
        root: the folder of the project.
        files: those that the code lies in, relative to it: one that is not committed makes the
            tree dirty. Other new files, such as a report, do not.
    """
    revision = _git(root, "rev-parse", "HEAD")
    changed = _git(root, "status", "--porcelain", "--untracked-files=no")
    code = {file for file in files if not Path(file).is_absolute()}
    tracked = _git(root, "ls-files", "-z", "--", *code) if code else ""
    if not revision or changed is None or tracked is None:
        return None
    return model.Git(
        revision=revision,
        dirty=bool(changed) or not code <= set(tracked.split("\0")),
        branch=_git(root, "branch", "--show-current") or "",
        folder=_git(root, "rev-parse", "--show-prefix") or "",
    )


def _git(root: Path, *words: str) -> str | None:
    try:
        done = subprocess.run(  # noqa: S603
            ["git", "-C", str(root), *words],  # noqa: S607
            capture_output=True,
            text=True,
            errors="replace",
            timeout=GIT_SECONDS,
            check=False,
        )
    # No git, or a slow one: a report is made all the same.
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() if done.returncode == 0 else None


@cache
def view_info(view: FeatureView, root: Path) -> model.View:
    """Return a view as a report has it. Paths in the root are relative to it.

    Args:
        view: the view.
        root: the folder of the project.
    """
    file, line = view.place
    lines = _feature_lines(file, line)
    files = files_of(view, root)
    features = []
    for name, tolerance in view.features.items():
        place = lines.get(name, line)
        features.append(model.Feature(name=name, tolerance=tolerance_text(tolerance), line=place))
    # A view that was declared at a prompt, or in a notebook, lies in no file.
    file_of_view, line_of_view = None, None
    if Path(file).is_file():
        file_of_view, line_of_view = path_from(file, root), line
    return model.View(
        name=view.name,
        file=file_of_view,
        line=line_of_view,
        entity=list(view.entity),
        times={name: source.time for name, source in view.sources.items()},
        windows=[micros(window) for window in view.windows],
        as_of=view.as_of,
        scenarios=list(view.delivery.scenarios),
        features=features,
        implementations=list(_implementations(view, root)),
        files=files,
        uncovered=find_uncovered(view, files, root),
        declaration=_declaration(view),
    )


def _feature_lines(file: str, line: int) -> dict[str, int]:
    """Return the line of each feature in the call of FeatureView(...) that begins at a line."""
    try:
        tree = ast.parse(Path(file).read_text(encoding="utf-8"))
    except (OSError, SyntaxError, ValueError):
        return {}
    lines: dict[str, int] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and node.lineno <= line <= (node.end_lineno or 0):
            for keyword in node.keywords:
                if keyword.arg == "features" and isinstance(keyword.value, ast.Dict):
                    lines |= _lines_of_keys(keyword.value)
    return lines


def _lines_of_keys(literal: ast.Dict) -> dict[str, int]:
    lines = {}
    for key in literal.keys:
        if isinstance(key, ast.Constant) and isinstance(key.value, str):
            lines[key.value] = key.lineno
    return lines


def _implementations(view: FeatureView, root: Path) -> Iterator[model.Implementation]:
    for side in SIDES:
        implementation = getattr(view, side)
        if implementation is None:
            continue
        parts = list(parts_of(implementation))
        file, line = place_of(parts[0])
        if isinstance(parts[0], str):
            # A query is a text: its place is the .sql file that holds it, if one does.
            sql_file = query_file(parts[0], root)
            if sql_file is not None:
                file, line = str(sql_file), 1
        source = "\n".join(map(source_of, parts))
        relative = None if file is None else path_from(file, root)
        yield model.Implementation(
            side=side,
            name=name_of(parts[0]),
            file=relative,
            line=line,
            digest=digest_of(source.encode()),
        )


def _declaration(view: FeatureView) -> str:
    lines = [f"{name}={getattr(view, name)!r}" for name in DECLARED]
    # Sets have another order in every process, and functions another address.
    lines.append(f"equal={sorted(view.equal)}")
    return digest_of(ADDRESS.sub("", "\n".join(lines)).encode())
