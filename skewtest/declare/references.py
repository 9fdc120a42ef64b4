"""References of a view: that they can be asked, and that what they read is there."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Protocol, TypeAlias, runtime_checkable

from skewtest.declare.sides import check_capabilities
from skewtest.declare.source import Source
from skewtest.errors import DeclarationError, listed, nearest

Reference: TypeAlias = Mapping[str, Any] | Callable[..., Any] | Any
"""By feature a reference or a function of events and request; one function of all features; or a
side."""


@runtime_checkable
class ReadsColumns(Protocol):
    """A reference of one feature, such as `skewtest.reference.sum("amount")`."""

    columns: tuple[str, ...]
    source: str | None


def check_reference(
    place: str,
    reference: object,
    features: Mapping[str, object],
    sources: Mapping[str, Source],
) -> Any:
    """Return a view's reference.

    Args:
        place: how errors call the view.
        reference: what was given; None for none.
        features: the features of the view, by name.
        sources: its sources, by name.

    Raises:
        DeclarationError: it cannot be asked, is for no feature of the view, reads a column that no
            source has, or answers one feature of a view with several.
    """
    if reference is None:
        return None
    if isinstance(reference, ReadsColumns) and len(features) > 1:
        raise DeclarationError(
            f"{place}: reference is for one feature, and the view has {len(features)}. Write "
            f"reference={{{next(iter(features))!r}: ...}}."
        )
    for argument, opinion in _opinions_of(place, reference, features):
        if isinstance(opinion, ReadsColumns):
            _check_columns(f"{place}: {argument}", opinion, sources)
        elif callable(getattr(opinion, "answer", None)):
            check_capabilities(place, argument, opinion)
        elif not callable(opinion):
            raise DeclarationError(
                f"{place}: {argument} must be one of skewtest.reference, a function of events and "
                f"request, or a dict of these by feature; got {opinion!r}"
            )
    return reference


def _opinions_of(
    place: str, reference: object, features: Mapping[str, object]
) -> Iterator[tuple[str, object]]:
    """Yield each reference with how errors call it."""
    if not isinstance(reference, Mapping):
        yield "reference", reference
        return
    if not reference:
        raise DeclarationError(f"{place}: reference is an empty dict; leave it out instead")
    for feature, opinion in reference.items():
        if feature not in features:
            raise DeclarationError(
                f"{place}: reference has no feature {feature!r} to be of; the view has "
                f"{listed(features)}." + nearest(str(feature), features)
            )
        yield f"reference[{feature!r}]", opinion


def _check_columns(place: str, opinion: ReadsColumns, sources: Mapping[str, Source]) -> None:
    """Raise DeclarationError unless every event that a reference takes has what it reads."""
    if opinion.source is not None and opinion.source not in sources:
        raise DeclarationError(
            f"{place} takes events of {opinion.source!r}; the view has the sources "
            f"{listed(sources)}." + nearest(str(opinion.source), sources)
        )
    for name, source in sources.items():
        if opinion.source not in (None, name):
            continue
        for column in opinion.columns:
            if column not in source.schema:
                advice = nearest(column, source.schema)
                if len(sources) > 1 and opinion.source is None:
                    advice = " Say source=... where the others are not meant."
                raise DeclarationError(
                    f"{place} reads the column {column!r}, which {name!r} does not have; it has "
                    f"{listed(source.schema)}.{advice}"
                )
