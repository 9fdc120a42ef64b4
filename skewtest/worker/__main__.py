"""Start a worker by its path: load the folder as a package of its own name, and serve."""

import importlib
import importlib.util
import os
import sys
import types

NAME = "skewtest_worker"


def load_package() -> types.ModuleType:
    """Return the module that serves; nothing of this folder can be imported by its bare name."""
    folder = os.path.dirname(os.path.abspath(__file__))
    sys.path[:] = [entry for entry in sys.path if os.path.abspath(entry or ".") != folder]
    spec = importlib.util.spec_from_file_location(
        NAME, os.path.join(folder, "__init__.py"), submodule_search_locations=[folder]
    )
    assert spec is not None
    assert spec.loader is not None
    package = importlib.util.module_from_spec(spec)
    sys.modules[NAME] = package
    spec.loader.exec_module(package)
    return importlib.import_module(NAME + ".serve")


if __name__ == "__main__":
    # `__main__` is what user code expects a script of its own to be.
    sys.modules["__main__"] = types.ModuleType("__main__")
    load_package().serve(*sys.argv[1:])
