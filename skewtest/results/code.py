"""The code of a view: which functions it consists of, which files they lie in, and their hashes."""

import ast
import contextlib
import hashlib
import inspect
import os
import sys
import sysconfig
from collections.abc import Iterable, Iterator
from functools import cache, partial
from pathlib import Path
from types import ModuleType
from typing import Any

from skewtest.declare.view import FeatureView
from skewtest.sides.adapters import Fold, MicroBatch, PerAsOf, PerEvent, Sql

OUR_CODE = Path(__file__).parents[1]
NOT_OURS = {"site-packages", "dist-packages", "node_modules"}
STANDARD = tuple(Path(sysconfig.get_path(name)) for name in ("stdlib", "platstdlib"))
"""Where Python's own library lies."""


def functions_of(given: Any) -> Iterator[Any]:
    """Return the functions and classes, or the query, that an implementation consists of."""
    if isinstance(given, PerAsOf | PerEvent | MicroBatch):
        yield from functions_of(given.function)
    elif isinstance(given, Fold):
        for part in (given.update, given.init, given.value):
            yield from functions_of(part)
    elif isinstance(given, Sql):
        yield given.query
    elif isinstance(given, partial):
        yield from functions_of(given.func)
    else:
        found = inspect.unwrap(given)
        found = getattr(found, "__func__", found)
        is_code = inspect.isroutine(found) or isinstance(found, type)
        yield found if is_code else type(found)


def source_of(part: Any) -> str:
    """Return the source text of a function or class; of one without, such as `dict`, its name."""
    if isinstance(part, str):
        return part
    try:
        return inspect.getsource(part)
    except (OSError, TypeError):
        return name_of(part)


def place_of(part: Any) -> tuple[str | None, int | None]:
    """Return the file and line of a function or class; None where it has none."""
    try:
        file = inspect.getsourcefile(part)
        return file, inspect.getsourcelines(part)[1] if file else None
    except (OSError, TypeError):
        return None, None


def name_of(part: Any) -> str:
    """Return the full name of a function or class; "sql" of a query."""
    if isinstance(part, str):
        return "sql"
    return f"{part.__module__}.{part.__qualname__}"


def files_of(view: FeatureView, root: Path) -> dict[str, str]:
    """Return the hashes of the files that a view's code lies in, by what reports call them.

    Beside the files of the declaration and of the implementations: those of the project, and of
    its neighbours, that their import statements reach, over any number of files; and the files
    that queries were read from.

    Args:
        view: the view.
        root: the folder of the project.
    """
    parts = [part for side in (view.batch, view.online) if side for part in functions_of(side)]
    seen: dict[str, str] = {}
    for query in (part for part in parts if isinstance(part, str)):
        file = query_file(query, root)
        digest = None if file is None else file_digest(file)
        if file is not None and digest is not None:
            seen[shown_from(str(file), root)] = digest
    waiting = [sys.modules.get(getattr(part, "__module__", "")) for part in parts]
    waiting.append(_module_of(view.place[0]))
    own = True
    while waiting:
        reached: dict[int, ModuleType] = {}
        for module in waiting:
            file = getattr(module, "__file__", None)
            if module is None or file is None or shown_from(file, root) in seen:
                continue
            if own or _is_of_project(Path(file), root):
                digest = file_digest(Path(file))
                if digest is not None:
                    seen[shown_from(file, root)] = digest
                reached |= {id(found): found for found in _imported_by(module)}
        waiting, own = list(reached.values()), False
    return dict(sorted(seen.items()))


def uncovered_of(view: FeatureView, files: Iterable[str], root: Path) -> list[str]:
    """Return the sides that are queries whose text lies in no file that is known.

    Args:
        view: the view.
        files: those that its code lies in, as `files_of` calls them.
        root: the folder of the project.
    """
    queries = [
        (side, part.strip())
        for side, given in (("batch", view.batch), ("online", view.online))
        for part in functions_of(given)
        if isinstance(part, str)
    ]
    texts = [text for file in files for text in _texts(root / file)] if queries else []
    return [side for side, query in queries if not any(query in text for text in texts)]


def _texts(file: Path) -> list[str]:
    """Return the texts in a file: that of a query, or the literals of a module."""
    text = file.read_text(encoding="utf-8", errors="replace")
    if file.suffix != ".py":
        return [text]
    try:
        nodes = [*ast.walk(ast.parse(text))]
    except (SyntaxError, ValueError):
        return []
    constants = [node.value for node in nodes if isinstance(node, ast.Constant)]
    return [value for value in constants if isinstance(value, str)]


@cache
def query_file(query: str, root: Path) -> Path | None:
    """Return the SQL file of a project that a query was read from; None where there is none."""
    for folder, folders, files in os.walk(root):
        folders[:] = sorted(f for f in folders if not f.startswith(".") and f not in NOT_OURS)
        for file in (Path(folder, name) for name in sorted(files) if name.endswith(".sql")):
            with contextlib.suppress(OSError):
                if query.strip() in file.read_text(encoding="utf-8", errors="replace"):
                    return file
    return None


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
    """Return whether a file is the project's own, or a neighbour's, rather than installed."""
    # An entry of sys.path may have `..` in it, and so has the file then.
    file = Path(os.path.normpath(file))
    if file.suffix != ".py" or file.is_relative_to(OUR_CODE):
        return False
    if NOT_OURS & {*file.parts}:
        return False
    if file.is_relative_to(root):
        return not any(part.startswith(".") for part in file.relative_to(root).parts)
    return not any(map(file.is_relative_to, STANDARD))


def file_digest(path: Path) -> str | None:
    """Return the SHA-256 of a file, None where it cannot be read."""
    try:
        return digest_of(path.read_bytes())
    except OSError:
        return None


def digest_of(content: bytes) -> str:
    """Return the SHA-256 of bytes, in hexadecimal."""
    return hashlib.sha256(content).hexdigest()


def shown_from(file: str, root: Path) -> str:
    """Return a path from the root, if it lies in the same repository."""
    path = Path(os.path.normpath(file))
    if path.is_relative_to(_repository(root)):
        return Path(os.path.relpath(path, root)).as_posix()
    return path.as_posix()


@cache
def _repository(root: Path) -> Path:
    """Return the folder of the repository that a project lies in; without one, the project's."""
    return next((one for one in (root, *root.parents) if (one / ".git").exists()), root)
