"""What adapters have in common: a function of the owner's, in a shape that a side can run."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Self

from skewtest.declare.source import Source
from skewtest.declare.view import FeatureView
from skewtest.drive.frames import columns_of, type_name
from skewtest.errors import DeclarationError
from skewtest.sides.parts import parts_of


class AdapterError(TypeError):
    """An adapted function returned something the adapter cannot use."""


@dataclass(frozen=True, slots=True)
class Wrapper:
    """An adapter of one function or factory."""

    function: Callable[..., Any]

    def parts(self) -> Iterator[Any]:
        """See Side."""
        yield from parts_of(self.function)

    def around(self, function: Any) -> Self:
        """Return the same adapter around another function."""
        return replace(self, function=function)


@dataclass(frozen=True, slots=True)
class BatchWrapper(Wrapper):
    """An adapter whose function can be called by itself, as it was."""

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Call the adapted function itself."""
        return self.function(*args, **kwargs)


@dataclass(frozen=True, slots=True)
class OnlineWrapper(Wrapper):
    """An adapter that has a method `start`: it needs a view to make an online object."""

    def __call__(self) -> Any:
        """Refuse: without a view there is nothing to start."""
        raise TypeError(
            f"{name_function(self.function)} is started by skewtest for a view; "
            "call check() instead"
        )


def name_function(function: Callable[..., Any]) -> str:
    """Return what a function is called in an error."""
    return getattr(function, "__name__", repr(function))


def only_source(view: FeatureView) -> Source:
    """Return the one source of a view.

    Raises:
        AdapterError: it has another number of sources.
    """
    if len(view.sources) != 1:
        raise AdapterError(
            f"this adapter takes views with one source; {view.name!r} has {len(view.sources)}"
        )
    return next(iter(view.sources.values()))


def require_function(place: str, function: object) -> Callable[..., Any]:
    """Return a function that an adapter was given.

    Raises:
        DeclarationError: it is none.
    """
    if not callable(function):
        raise DeclarationError(f"{place} takes a function; got {function!r}")
    return function


def columns_from(function: Callable[..., Any], result: Any) -> Mapping[str, list[Any]]:
    """Return the columns of what an adapted function has returned.

    Raises:
        AdapterError: it is no frame.
    """
    columns = columns_of(result)
    if columns is None:
        name = name_function(function)
        raise AdapterError(f"{name} returned {type_name(result)}; expected a frame")
    return columns


def require_columns(
    function: Callable[..., Any], columns: Mapping[str, list[Any]], wanted: tuple[str, ...]
) -> None:
    """Raise AdapterError unless an adapted function has returned all these columns."""
    lacking = [name for name in wanted if name not in columns]
    if lacking:
        name = name_function(function)
        raise AdapterError(f"{name} returned no column {lacking}; it returned {list(columns)}")


def count_rows(columns: Mapping[str, Sequence[Any]]) -> int:
    """Return how many rows some columns have, which are equally long."""
    return max(map(len, columns.values()), default=0)
