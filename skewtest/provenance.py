"""Where results come from: code by file, line and hash; revision, machine and libraries."""

import ast
import hashlib
import importlib.metadata
import inspect
import os
import platform
import re
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from functools import cache, partial
from pathlib import Path
from types import ModuleType
from typing import Any

import polars as pl

from skewtest.declare.view import FeatureView
from skewtest.drive.adapters import Fold, MicroBatch, PerAsOf, PerEvent, Sql
from skewtest.report import model
from skewtest.report.words import tolerance_text
from skewtest.times import micros

GIT_SECONDS = 5
ADDRESS = re.compile(r" at 0x[0-9a-f]+")
DECLARED = (
    *("name", "sources", "entity", "features", "windows", "as_of", "request", "scope", "zone"),
    *("delivery", "relations"),
)
"""What of a view says which histories it gets, and what of their answers is compared."""


def run_info(
    found: model.Report, *, command: str, profile: str, began: float, root: Path
) -> model.Run:
    """Return where a report comes from.

    Args:
        found: the report, without it.
        command: what was called.
        profile: the profile that said how much to run.
        began: when it began, in seconds of the epoch.
        root: the folder of the project.
    """
    seeds = {outcome.seed for outcome in found.outcomes}
    return model.Run(
        time=datetime.fromtimestamp(began, UTC).isoformat(timespec="seconds"),
        seconds=round(time.time() - began, 3),
        profile=profile,
        seed=seeds.pop() if len(seeds) == 1 else None,
        command=command,
        git=git_of(root, (file for view in found.views for file in view.files)),
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
    found: dict[str, str] = {}
    for one in importlib.metadata.distributions():
        name = one.metadata["Name"]
        if name:
            found.setdefault(re.sub(r"[-_.]+", "-", name).lower(), one.version)
    return dict(sorted(found.items()))


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
    return model.View(
        name=view.name,
        file=_shown(file, root) if Path(file).is_file() else None,
        line=line if Path(file).is_file() else None,
        entity=list(view.entity),
        times={name: source.time for name, source in view.sources.items()},
        windows=[micros(window) for window in view.windows],
        as_of=view.as_of,
        scenarios=list(view.delivery.scenarios),
        features=[
            model.Feature(
                name=name, tolerance=tolerance_text(tolerance), line=lines.get(name, line)
            )
            for name, tolerance in view.features.items()
        ],
        implementations=list(_implementations(view, root)),
        files=_files(view, root),
        declaration=_declaration(view),
    )


def tables_digest(tables: Mapping[str, pl.DataFrame]) -> dict[str, str]:
    """Return the SHA-256 of each table's rows, as newline-delimited JSON in their order.

    Floats are texts in it, because JSON has one null for null and NaN; bytes are in hexadecimal.
    """
    return {name: _digest(_told(frame).write_ndjson().encode()) for name, frame in tables.items()}


def _told(frame: pl.DataFrame) -> pl.DataFrame:
    return frame.with_columns(
        pl.col(name).bin.encode("hex") if kind == pl.Binary else pl.col(name).cast(_told_type(kind))
        for name, kind in frame.schema.items()
    )


def _told_type(kind: pl.DataType) -> pl.DataType:
    """Return a type with texts in the place of floats."""
    if kind.is_float():
        return pl.String()
    if isinstance(kind, pl.List | pl.Array):
        return pl.List(_told_type(_instance(kind.inner)))
    if isinstance(kind, pl.Struct):
        fields = kind.fields
        return pl.Struct([pl.Field(one.name, _told_type(_instance(one.dtype))) for one in fields])
    return kind


def _instance(kind: Any) -> pl.DataType:
    """Return a type, which polars may have as its class."""
    found: pl.DataType = kind() if isinstance(kind, type) else kind
    return found


def file_digest(path: Path) -> str | None:
    """Return the SHA-256 of a file, None where it cannot be read."""
    try:
        return _digest(path.read_bytes())
    except OSError:
        return None


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _feature_lines(file: str, line: int) -> dict[str, int]:
    """Return the line of each feature in the call of FeatureView(...) that begins at a line."""
    try:
        tree = ast.parse(Path(file).read_text(encoding="utf-8"))
    except (OSError, SyntaxError, ValueError):
        return {}
    found: dict[str, int] = {}
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call) or not node.lineno <= line <= (node.end_lineno or 0):
            continue
        for keyword in node.keywords:
            if keyword.arg == "features" and isinstance(keyword.value, ast.Dict):
                for key in keyword.value.keys:
                    if isinstance(key, ast.Constant) and isinstance(key.value, str):
                        found[key.value] = key.lineno
    return found


def _implementations(view: FeatureView, root: Path) -> Iterator[model.Implementation]:
    for side in ("batch", "online"):
        given = getattr(view, side)
        if given is None:
            continue
        parts = list(_functions(given))
        file, line = _place(parts[0])
        yield model.Implementation(
            side=side,
            name=_name(parts[0]),
            file=None if file is None else _shown(file, root),
            line=line,
            digest=_digest("\n".join(map(_source, parts)).encode()),
        )


def _functions(given: Any) -> Iterator[Any]:
    """Return the functions and classes, or the query, that an implementation consists of."""
    if isinstance(given, PerAsOf | PerEvent | MicroBatch):
        yield from _functions(given.function)
    elif isinstance(given, Fold):
        for part in (given.update, given.init, given.value):
            yield from _functions(part)
    elif isinstance(given, Sql):
        yield given.query
    elif isinstance(given, partial):
        yield from _functions(given.func)
    else:
        found = inspect.unwrap(given)
        found = getattr(found, "__func__", found)
        is_code = inspect.isroutine(found) or isinstance(found, type)
        yield found if is_code else type(found)


def _source(part: Any) -> str:
    """Return the source text of a function or class; of one without, such as `dict`, its name."""
    if isinstance(part, str):
        return part
    try:
        return inspect.getsource(part)
    except (OSError, TypeError):
        return _name(part)


def _place(part: Any) -> tuple[str | None, int | None]:
    try:
        file = inspect.getsourcefile(part)
        return file, inspect.getsourcelines(part)[1] if file else None
    except (OSError, TypeError):
        return None, None


def _name(part: Any) -> str:
    if isinstance(part, str):
        return "sql"
    return f"{part.__module__}.{part.__qualname__}"


def _files(view: FeatureView, root: Path) -> dict[str, str]:
    """Return the hashes of the files that a view's code lies in, by what reports call them.

    Beside the files of the declaration and of the implementations: those of the project that
    their import statements reach, over any number of files.
    """
    parts = [part for side in (view.batch, view.online) if side for part in _functions(side)]
    waiting = [sys.modules.get(getattr(part, "__module__", "")) for part in parts]
    waiting.append(_module_of(view.place[0]))
    seen: dict[str, str] = {}
    own = True
    while waiting:
        reached: dict[int, ModuleType] = {}
        for module in waiting:
            file = getattr(module, "__file__", None)
            if module is None or file is None or _shown(file, root) in seen:
                continue
            if own or _is_of_project(Path(file), root):
                digest = file_digest(Path(file))
                if digest is not None:
                    seen[_shown(file, root)] = digest
                reached |= {id(found): found for found in _imported_by(module)}
        waiting, own = list(reached.values()), False
    return dict(sorted(seen.items()))


def _module_of(file: str) -> ModuleType | None:
    modules = (one for one in [*sys.modules.values()] if getattr(one, "__file__", None) == file)
    return next(modules, None)


def _imported_by(module: ModuleType) -> Iterator[ModuleType]:
    """Return the modules that the import statements of a module name, as far as they are loaded."""
    try:
        tree = ast.parse(Path(module.__file__ or "").read_text(encoding="utf-8"))
    except (OSError, SyntaxError, ValueError):
        return
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            package = (module.__package__ or "").split(".")
            base = package[: len(package) + 1 - node.level] if node.level else []
            home = ".".join([*base, *filter(None, [node.module])])
            names = [home, *(f"{home}.{alias.name}" for alias in node.names)]
        else:
            continue
        # What is imported from a package has run the package's own file too.
        parents = {name.rpartition(".")[0] for name in names}
        yield from (sys.modules[name] for name in (*names, *parents) if name in sys.modules)


def _is_of_project(file: Path, root: Path) -> bool:
    """Return whether a file is the project's own, rather than installed in a folder of its."""
    if file.suffix != ".py" or not file.is_relative_to(root):
        return False
    installed = ("site-packages", "dist-packages")
    return not any(
        part in installed or part.startswith(".") for part in file.relative_to(root).parts
    )


def _declaration(view: FeatureView) -> str:
    told = [f"{name}={getattr(view, name)!r}" for name in DECLARED]
    told.append(f"equal={sorted(view.equal)}")
    return _digest(ADDRESS.sub("", "\n".join(told)).encode())


def _shown(file: str, root: Path) -> str:
    path = Path(file)
    return path.relative_to(root).as_posix() if path.is_relative_to(root) else path.as_posix()
