"""Loading: user code by the address where this interpreter finds it."""

from __future__ import annotations

import importlib
import importlib.util
import re
import sys
from functools import partial
from typing import Any

from .codec import decode


class Folded:
    """A functional state made to look like an online object."""

    def __init__(self, init: Any, fold: Any, value: Any) -> None:
        self.fold, self.value = fold, value
        self.state = init()

    def update(self, event: Any) -> None:
        """Fold one event into the state."""
        self.state = self.fold(self.state, event)

    def query(self, request: Any) -> Any:
        """Return the features of the state."""
        return self.value(self.state, request)


class PerEntity:
    """One object for each entity, made to look like one online object."""

    def __init__(self, make: Any, fold: Any, value: Any, entity: Any) -> None:
        self.make, self.fold, self.value, self.entity = make, fold, value, tuple(entity)
        self.states: dict[Any, Any] = {}

    def update(self, event: Any) -> None:
        """Give one event to the object of its entity."""
        key = self._key(event)
        if key not in self.states:
            self.states[key] = self.make()
        state = self.states[key]
        changed = self.fold(state, event)
        # A state that cannot change (a number, a tuple) is replaced by what was returned; what the
        # update of an object returns beside that (a score, None) is no state.
        if type(changed) is type(state):
            self.states[key] = changed

    def query(self, request: Any) -> Any:
        """Return the features of the object of an entity, of a fresh one where it had no event."""
        key = self._key(request)
        state = self.states[key] if key in self.states else self.make()
        return self.value(state, request)

    def _key(self, payload: Any) -> Any:
        return tuple(payload[name] for name in self.entity)


class Query:
    """A batch implementation in SQL."""

    def __init__(self, query: str) -> None:
        self.query = query

    def __call__(self, **frames: Any) -> Any:
        """Run the query over the frames by name."""
        duckdb = importlib.import_module("duckdb")
        # One thread: with several, the order of rows is another in each run.
        connection = duckdb.connect(":memory:", config={"threads": 1})
        connection.execute("SET TimeZone = 'UTC'")
        for name, frame in frames.items():
            connection.register(name, frame)
        result = connection.sql(self.query)
        # `arrow()` does not return a table in every version.
        if hasattr(result, "to_arrow_table"):
            return result.to_arrow_table()
        return result.arrow()


def resolve(address: dict[str, Any]) -> Any:
    """Return the object that an address names."""
    if "source" in address:
        return _run_source(address)
    try:
        target = _module_of(address)
    except ImportError:
        if not address.get("spare"):
            raise
        return resolve(address["spare"])
    # A dotted name: the object may be a method or an attribute of a class.
    for part in address["name"].split("."):
        target = getattr(target, part)
    return target


def _run_source(address: dict[str, Any]) -> Any:
    """Return what the text of a definition defines, where no module can be imported for it."""
    namespace: dict[str, Any] = {"__name__": "skewtest_given"}
    for name, module in address["uses"].items():
        namespace[name] = importlib.import_module(module)
    # Compiled with the name of its file, so that tracebacks lead there.
    exec(compile(address["source"], address["file"], "exec"), namespace)
    return namespace[address["name"]]


def _module_of(address: dict[str, Any]) -> Any:
    """Import a module by its name; a script, or one that has no place on the path, by its file."""
    name, file = address["module"], address["file"]
    if address["by_name"]:
        return importlib.import_module(name)
    # An alias that no module of the user's has, and another for each file.
    alias = "skewtest_by_file_" + re.sub(r"\W", "_", file)
    if alias not in sys.modules:
        spec = importlib.util.spec_from_file_location(alias, file)
        if spec is None or spec.loader is None:
            raise ImportError("cannot load %s" % file)
        module = importlib.util.module_from_spec(spec)
        # Before it runs: dataclasses look their module up while it is being made.
        sys.modules[alias] = module
        spec.loader.exec_module(module)
    return sys.modules[alias]


def load_code(message: dict[str, Any]) -> tuple[Any, Any]:
    """Return the implementation that a message names, and the function that has its parameters."""
    parts = list(map(resolve, message["addresses"]))
    kwargs = decode(message["kwargs"])
    if message["shape"] == "fold":
        return partial(Folded, *parts), parts[0]
    if message["shape"] == "per_entity":
        return partial(PerEntity, *parts, **kwargs), parts[1]
    if message["shape"] == "sql":
        return Query(message["query"]), None
    if kwargs:
        return partial(parts[0], **kwargs), parts[0]
    return parts[0], parts[0]
