"""Relations that a view is held to: laws of one side that need no second implementation."""

from collections.abc import Mapping, Sequence

from skewtest.errors import DeclarationError, listed, nearest

RELATION_CAUSES: Mapping[str, str] = {
    "no_future_leakage": "leakage.future",
    "entity_isolation": "entity.isolation",
    "input_order": "engine.order",
    "spine_independence": "entity.isolation",
    "determinism": "engine.order",
    "pure_reads": "state.mutation",
    "restart_invariance": "state.restore",
    "no_mutation": "state.mutation",
    "week_shift": "time.zone",
}
"""What is the cause where a relation is broken."""

# Held to only where they are named: most batch code leans on a log in order of event time, which
# is what it gets; a changed input is a warning as it is; and few features repeat every week.
ASKED_FOR = ("input_order", "no_mutation", "week_shift")


class DefaultRelations(tuple[str, ...]):
    """The laws of a view whose owner has named none: one that does not apply is no gap."""

    __slots__ = ()


DEFAULT = DefaultRelations(name for name in RELATION_CAUSES if name not in ASKED_FOR)


def check_relations(place: str, relations: object) -> tuple[str, ...]:
    """Return the names of relations, each once.

    Args:
        place: how errors call the view.
        relations: "default", None for none, or a list of names.

    Raises:
        DeclarationError: it is none of these, or there is no relation of a name.
    """
    # No relations at all is a decision of its own, as an empty list is.
    if relations is None:
        return ()
    if relations == "default":
        return DEFAULT
    if isinstance(relations, DefaultRelations):
        return relations
    if isinstance(relations, str) or not isinstance(relations, Sequence | frozenset | set):
        raise DeclarationError(
            f"{place}: relations must be 'default', None or a list of {listed(RELATION_CAUSES)}; "
            f"got {relations!r}"
        )
    for name in relations:
        if name not in RELATION_CAUSES:
            raise DeclarationError(
                f"{place}: relations must be among {listed(RELATION_CAUSES)}; got {name!r}."
                + nearest(str(name), RELATION_CAUSES)
            )
    return tuple(dict.fromkeys(relations))
