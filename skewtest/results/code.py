"""The code of a view: which functions it consists of, which files they lie in, and their hashes."""

import ast
import hashlib
import inspect
import os
import sys
import sysconfig
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

from skewtest.declare.view import FeatureView
from skewtest.sides.parts import parts_of
from skewtest.tracebacks import OUR_CODE

# Folders of what is installed, wherever they lie: a virtual environment may be inside the project.
NOT_OURS = {"site-packages", "dist-packages", "node_modules"}

# Where Python's own library lies.
STANDARD = tuple(Path(sysconfig.get_path(name)) for name in ("stdlib", "platstdlib"))


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

    Returns:
        Path, from the root where it can be, to the SHA-256 of the file, in the order of the paths.
    """
    parts: list[Any] = []
    for side in (view.batch, view.online):
        if side:
            parts.extend(parts_of(side))
    digests: dict[str, str] = {}
    modules = [_module_of(view.place[0])]
    for part in parts:
        if isinstance(part, str):
            file = query_file(part, root)
            if file is not None:
                _add_digest(digests, file, root)
        modules.append(sys.modules.get(getattr(part, "__module__", "")))
    _add_imported(digests, modules, root)
    return dict(sorted(digests.items()))


def _add_digest(digests: dict[str, str], file: Path, root: Path) -> None:
    digest = file_digest(file)
    if digest is not None:
        digests[path_from(str(file), root)] = digest


def _add_imported(
    digests: dict[str, str], modules: Iterable[ModuleType | None], root: Path
) -> None:
    """Add the files of modules, and of all that they import as far as it is the project's."""
    # The code of the view itself counts wherever it lies, also where it has been installed.
    waiting = [(module, True) for module in modules]
    visited: set[int] = set()
    while waiting:
        module, is_own = waiting.pop()
        file = getattr(module, "__file__", None)
        if module is None or file is None or id(module) in visited:
            continue
        if not is_own and not _is_of_project(Path(file), root):
            continue
        visited.add(id(module))
        _add_digest(digests, Path(file), root)
        for imported in _imported_by(module):
            waiting.append((imported, False))


def find_uncovered(view: FeatureView, files: Iterable[str], root: Path) -> list[str]:
    """Return the sides that are queries whose text lies in no file that is known.

    Args:
        view: the view.
        files: those that its code lies in, as `files_of` calls them.
        root: the folder of the project.
    """
    queries: list[tuple[str, str]] = []
    for side, implementation in (("batch", view.batch), ("online", view.online)):
        for part in parts_of(implementation):
            if isinstance(part, str):
                queries.append((side, part.strip()))
    # Files are parsed for queries alone: a project's worth of them takes seconds.
    texts: list[str] = []
    if queries:
        for file in files:
            texts += _texts_in(root / file)
    uncovered = []
    for side, query in queries:
        if not any(query in text for text in texts):
            uncovered.append(side)
    return uncovered


def _texts_in(file: Path) -> list[str]:
    """Return the texts in a file: that of a query, or the literals of a module."""
    text = file.read_text(encoding="utf-8", errors="replace")
    if file.suffix != ".py":
        return [text]
    try:
        tree = ast.parse(text)
    except (SyntaxError, ValueError):
        return []
    literals = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            literals.append(node.value)
    return literals


@cache
def query_file(query: str, root: Path) -> Path | None:
    """Return the SQL file of a project that a query was read from; None where there is none."""
    text = query.strip()
    for folder, folders, files in os.walk(root):
        # What os.walk is given back decides where it goes on, and in which order.
        folders[:] = sorted(name for name in set(folders) - NOT_OURS if name[0] != ".")
        for name in sorted(files):
            if name.endswith(".sql") and text in _text_of(Path(folder, name)):
                return Path(folder, name)
    return None


def _text_of(file: Path) -> str:
    """Return a file's text; of one that cannot be read none, as nothing was read from it."""
    try:
        return file.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""


def _module_of(file: str) -> ModuleType | None:
    # A copy: asking a module for its attributes may import others.
    for module in [*sys.modules.values()]:
        if getattr(module, "__file__", None) == file:
            return module
    return None


def _imported_by(module: ModuleType) -> Iterator[ModuleType]:
    """Return the modules that the import statements of a module name, as far as they are loaded."""
    try:
        tree = ast.parse(Path(module.__file__ or "").read_text(encoding="utf-8"))
    except (OSError, SyntaxError, ValueError):
        return
    for node in ast.walk(tree):
        names = _names_imported(node, (module.__package__ or "").split("."))
        # What is imported from a package has run the package's own file too.
        for name in names:
            for loaded in (name, name.rpartition(".")[0]):
                if loaded in sys.modules:
                    yield sys.modules[loaded]


def _names_imported(node: ast.AST, package: list[str]) -> list[str]:
    """Return the full names that an import statement may import; of other nodes none.

    Args:
        node: of a module's tree.
        package: the parts of the name of the package that the module lies in.
    """
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    if not isinstance(node, ast.ImportFrom):
        return []
    base: list[str] = []
    if node.level:  # one dot is the package itself, each further one the package above
        base = package[: len(package) + 1 - node.level]
    if node.module:
        base = [*base, node.module]
    origin = ".".join(base)
    # `from a import b` imports the module a.b, or a name of the module a: both are looked for.
    names = [origin]
    for alias in node.names:
        names.append(f"{origin}.{alias.name}")
    return names


def _is_of_project(file: Path, root: Path) -> bool:
    """Return whether a file is the project's own, or a neighbour's, rather than installed."""
    # An entry of sys.path may have `..` in it, and so has the file then.
    file = Path(os.path.normpath(file))
    if file.suffix != ".py" or file.is_relative_to(OUR_CODE):
        return False
    if NOT_OURS & {*file.parts}:
        return False
    if file.is_relative_to(root):
        # Caches and virtual environments hide so.
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


def path_from(file: str, root: Path) -> str:
    """Return a path from the root, if it lies in the same repository, else from the user's home.

    Reports are handed on: the path of a home names its user.

    Args:
        file: the file.
        root: the folder of the project, which may be one of several in the repository.
    """
    path = Path(os.path.normpath(file))
    if path.is_relative_to(_repository(root)):
        return Path(os.path.relpath(path, root)).as_posix()
    home = _home()
    if home is not None and path.is_relative_to(home):
        return f"~/{path.relative_to(home).as_posix()}"
    return path.as_posix()


def path_at(name: str, root: Path) -> Path:
    """Return the path that `path_from` has named so."""
    home = _home()
    if home is not None and name.startswith("~/"):
        return home / name.removeprefix("~/")
    return root / name


def _home() -> Path | None:
    """Return the user's home; None where the system tells of none, or the root is it."""
    try:
        home = Path.home()
    except RuntimeError:
        return None
    return home if len(home.parts) > 1 else None


@cache
def _repository(root: Path) -> Path:
    """Return the folder of the repository that a project lies in; without one, the project's."""
    for folder in (root, *root.parents):
        if (folder / ".git").exists():
            return folder
    return root
