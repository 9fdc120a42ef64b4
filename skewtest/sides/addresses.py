"""Addresses: where another interpreter finds a function or class."""

import ast
import builtins
import inspect
import sys
import sysconfig
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache, partial
from pathlib import Path
from types import FunctionType, ModuleType
from typing import Any

from skewtest.errors import SkewtestError
from skewtest.worker import codec
from skewtest.worker.libraries import TAG


class NoAddressError(SkewtestError):
    """An implementation cannot be found again by another interpreter."""

    kind = "no address"


@dataclass(frozen=True, slots=True)
class Address:
    """Where another interpreter finds a function or class: its module and name there.

    Attributes:
        module: its name.
        name: the dotted name within the module.
        file: the module's file.
        by_name: whether the module can be imported by its name; a script is loaded by its file.
        root: the folder that the module is imported from.
        source: the text of a function that no module holds, such as one made in a test.
        uses: the modules that such a function refers to, by the name it has for them.
        spare: the same function by its text, for where its module does not import: a test module
            may import what only the tests need.
    """

    module: str
    name: str
    file: str
    by_name: bool = True
    root: str = ""
    source: str = ""
    uses: tuple[tuple[str, str], ...] = ()
    spare: "Address | None" = None

    def part(self, name: str) -> "Address":
        """Return the address of an attribute."""
        return replace(self, name=f"{self.name}.{name}")

    def to_message(self) -> dict[str, Any]:
        """Return it as JSON."""
        if self.source:
            return {
                "source": self.source,
                "name": self.name,
                "file": self.file,
                "uses": dict(self.uses),
            }
        return {
            "module": self.module,
            "name": self.name,
            "file": self.file,
            "by_name": self.by_name,
            "spare": None if self.spare is None else self.spare.to_message(),
        }


@dataclass(frozen=True, slots=True)
class Code:
    """User code as a worker is told to load it.

    Attributes:
        addresses: one, or the three of a fold or of what is per entity.
        roots: folders to import from.
        kwargs: what it is always given, encoded; as text, so that it can be compared.
        shape: "function", "fold", "per_entity" or "sql".
        query: of "sql".
    """

    addresses: tuple[Address, ...]
    roots: tuple[str, ...] = ()
    kwargs: tuple[tuple[str, Any], ...] = ()
    shape: str = "function"
    query: str = ""

    @classmethod
    def by_name(cls, module: str, name: str) -> "Code":
        """Return a function that is not imported here, by the names of its module and its own."""
        return cls((Address(module, name, ""),), roots_of(()))

    def to_message(self) -> dict[str, Any]:
        """Return the message that loads it."""
        return {
            "do": "load",
            "addresses": [address.to_message() for address in self.addresses],
            "roots": list(self.roots),
            "kwargs": codec.encode(dict(self.kwargs)),
            "shape": self.shape,
            "query": self.query,
        }


def code_of(function: Any, *, spare: bool = False, home: Address | None = None) -> Code:
    """Return how another interpreter loads a function or class, with what it is always given.

    Args:
        function: what to load.
        spare: whether its text stands in for it where its module does not import.
        home: where the function is held beside, as an attribute of a view; for one that no module
            holds by a name of its own.

    Raises:
        NoAddressError: another interpreter cannot find it.
    """
    try:
        return _own_code(function, spare=spare)
    except NoAddressError:
        if home is None:
            raise
        return Code((home,), roots_of((home,)))


def _own_code(function: Any, *, spare: bool) -> Code:
    kwargs: dict[str, Any] = {}
    bare = function
    # What is given last wins: the outermost partial is the last.
    while isinstance(bare, partial):
        if bare.args:
            raise NoAddressError(f"{bare!r} holds positional arguments; give them by name")
        kwargs = {**bare.keywords, **kwargs}
        bare = bare.func
    address = address_of(bare)
    if spare and not address.source:
        address = replace(address, spare=_spare(bare))
    if _holds_oddity(codec.encode(kwargs)):
        raise NoAddressError(f"{bare!r} is given what cannot be sent: {sorted(kwargs)}")
    return Code((address,), roots_of((address,)), tuple(kwargs.items()))


def address_of(function: Any) -> Address:
    """Return where another interpreter finds a function or class.

    Raises:
        NoAddressError: it is held by no module and has no source of its own.
    """
    module = sys.modules.get(getattr(function, "__module__", None) or "")
    name = _name_in(module, function)
    if module is None or name is None:
        return _by_source(function)
    # Those are in the interpreter itself, and have no file.
    if module.__name__ in sys.builtin_module_names:
        return Address(module.__name__, name, "")
    file = str(Path(getattr(module, "__file__", None) or "").absolute())
    if not getattr(module, "__file__", None):
        return _by_source(function)
    by_name = module.__name__ != "__main__"
    root = _root_of(module.__name__, Path(file)) if by_name else ""
    return Address(module.__name__, name, file, by_name, root)


def address_of_attribute(module: str, holder: str, attribute: str) -> Address:
    """Return the address of an attribute of what a module holds by a name."""
    file = str(Path(getattr(sys.modules[module], "__file__", None) or "").absolute())
    return Address(module, f"{holder}.{attribute}", file, root=_root_of(module, Path(file)))


def _spare(function: Any) -> Address | None:
    try:
        return _by_source(function)
    except NoAddressError:
        return None


def roots_of(addresses: Sequence[Address]) -> tuple[str, ...]:
    """Return the folders that modules are imported from: their own, then those of this process.

    What is installed for this interpreter is not among them: it would hide the versions there.
    """
    roots: dict[str, None] = {}
    for address in addresses:
        if address.root:
            roots[address.root] = None
    for entry in sys.path:
        # The empty entry is the folder that this process runs in; a worker runs in another.
        roots[str(Path(entry or ".").absolute())] = None
    return tuple(filter(_is_of_project, roots))


INSTALLED = ("stdlib", "platstdlib", "purelib", "platlib", "scripts")


@cache
def _installed_folders() -> tuple[Path, ...]:
    return tuple(Path(sysconfig.get_path(name)).resolve() for name in INSTALLED)


def _is_of_project(entry: str) -> bool:
    """Return whether a folder of the path holds the project's own modules."""
    folder = Path(entry)
    if not folder.is_dir() or any(map(folder.resolve().is_relative_to, _installed_folders())):
        return False
    # A checkout of skewtest would bring it along, where it is to be inert.
    return not (folder / "skewtest" / "worker" / "__main__.py").exists()


def _root_of(name: str, file: Path) -> str:
    """Return the folder that a module of a dotted name and a file is imported from."""
    depth = name.count(".")
    if file.name == "__init__.py":
        # A package's file is one folder deeper than a module's of the same name.
        depth += 1
    root = file.parent
    for _ in range(depth):
        root = root.parent
    return str(root)


def _name_in(module: ModuleType | None, function: Any) -> str | None:
    """Return the dotted name by which a module holds a function, None if it does not."""
    if module is None:
        return None
    dotted = getattr(function, "__qualname__", "")
    target: Any = module
    for part in dotted.split("."):
        target = getattr(target, part, None)
    # A decorated function may have become an adapter, which holds it.
    if target is function or getattr(target, "function", None) is function:
        return str(dotted)
    # `clean = partial(...)` or `clean = make()` is held by a name that is not its own.
    return next((name for name, value in vars(module).items() if value is function), None)


def _by_source(function: Any) -> Address:
    """Return a function by its own text, with the modules that it refers to."""
    subject = f"{getattr(function, '__qualname__', None) or repr(function)} cannot be run elsewhere"
    if not isinstance(function, FunctionType) or function.__name__ == "<lambda>":
        raise NoAddressError(f"{subject}: no module holds it by name. {MOVE}")
    if function.__closure__:
        names = ", ".join(function.__code__.co_freevars)
        raise NoAddressError(
            f"{subject}: it is made inside a function, whose {names} it uses. {MOVE}"
        )
    return Address(
        module="",
        name=function.__name__,
        file=function.__code__.co_filename,
        source=_source_of(function, subject),
        uses=tuple(sorted(_modules_used(function, subject).items())),
    )


MOVE = "Move it to the top level of a module."


def _source_of(function: FunctionType, subject: str) -> str:
    try:
        tree = ast.parse(textwrap.dedent(inspect.getsource(function)))
    except (OSError, TypeError, SyntaxError) as error:
        raise NoAddressError(f"{subject}: its source cannot be read. {MOVE}") from error
    for statement in tree.body:
        if isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef):
            # What decorates it, such as a mark of a test, need not be there elsewhere.
            statement.decorator_list = []
    # Annotations are texts then: what they name need not be there either.
    return "from __future__ import annotations\n" + ast.unparse(tree)


def _modules_used(function: FunctionType, subject: str) -> dict[str, str]:
    """Return the modules that a function refers to, by the name that it has for them."""
    modules = {}
    for name in _globals_in(function.__code__):
        value = function.__globals__.get(name)
        if isinstance(value, ModuleType):
            modules[name] = value.__name__
        elif name in function.__globals__ and not hasattr(builtins, name):
            raise NoAddressError(f"{subject}: it uses {name}, which is defined beside it. {MOVE}")
    return modules


def _globals_in(code: Any) -> set[str]:
    # Lambdas and comprehensions inside it are code of their own.
    inner = (const for const in code.co_consts if hasattr(const, "co_names"))
    return set(code.co_names).union(*map(_globals_in, inner))


def _holds_oddity(encoded: Any) -> bool:
    """Return whether an encoded value holds what the other process could not make again."""
    if isinstance(encoded, list):
        return any(map(_holds_oddity, encoded))
    if isinstance(encoded, dict):
        return encoded[TAG] in codec.NOT_PLAIN or _holds_oddity(encoded.get("v"))
    return False
