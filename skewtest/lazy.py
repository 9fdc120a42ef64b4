"""Names of a package that are imported when they are first used.

A package that does so says the same imports under `TYPE_CHECKING`, where mypy and readers see
them, and hands this module what else to do at run time:

    if TYPE_CHECKING:
        from skewtest.report import terminal
    else:
        __getattr__ = lazy_names(__name__, {"terminal": "skewtest.report.terminal"})
"""

import gc
import sys
from collections.abc import Callable, Mapping
from importlib import import_module
from types import ModuleType
from typing import Any


def lazy_names(package: str, homes: Mapping[str, str]) -> Callable[[str], Any]:
    """Return the `__getattr__` of a package, which imports a name when it is first asked for.

    Args:
        package: the package's own name.
        homes: by name the module that defines it; a module is its own home.

    Returns:
        A function of a name. It raises AttributeError for one that `homes` does not have.
    """

    def load(name: str) -> Any:
        if name not in homes:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        module = _import(homes[name])
        is_module = homes[name].rpartition(".")[2] == name
        value = module if is_module else getattr(module, name)
        setattr(sys.modules[package], name, value)
        return value

    return load


def _import(name: str) -> ModuleType:
    """Return a module, imported without the garbage collector.

    What an import makes stays. To look through it for garbage, again and again while it grows,
    takes a tenth of what the first check imports.
    """
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        return import_module(name)
    finally:
        if was_enabled:
            gc.enable()
