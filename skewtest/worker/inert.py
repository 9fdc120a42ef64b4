"""Stand-ins for skewtest, and for pytest, where they are not installed.

A user's module may hold declarations beside its code; in another environment they come to nothing.
"""

from __future__ import annotations

import importlib.util
import types
from collections.abc import Iterator
from typing import Any


class Inert:
    """Stands for skewtest, which is not here: a module may hold declarations beside its code."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        pass

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Return itself, so that it can be a decorator or a factory."""
        return self

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return self

    def __iter__(self) -> Iterator[Any]:
        return iter(())

    def __mro_entries__(self, bases: Any) -> tuple[type, ...]:
        return (Inert,)


class InertModule(types.ModuleType):
    """A module in which every name is there and nothing happens."""

    def __getattr__(self, name: str) -> Any:
        if name == "__path__":
            return []
        if name.startswith("__"):
            raise AttributeError(name)
        if name in ("per_as_of", "per_event", "micro_batch"):
            return _undecorated
        return Inert()


def _undecorated(function: Any = None, **_options: Any) -> Any:
    return function if function is not None else _undecorated


class InertFinder:
    """Finds inert modules for skewtest, and for pytest where there is none."""

    def __init__(self, names: tuple[str, ...]) -> None:
        self.names = names

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> Any:
        """Return a spec for a module that is to be inert."""
        if name.split(".", maxsplit=1)[0] in self.names:
            return importlib.util.spec_from_loader(name, self)  # type: ignore[arg-type]
        return None

    def create_module(self, spec: Any) -> types.ModuleType:
        """Return an inert module."""
        return InertModule(spec.name)

    def exec_module(self, module: Any) -> None:
        """Do nothing."""
