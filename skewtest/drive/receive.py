"""A team's own wire format, and what is left of answers in a store."""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from skewtest.declare.delivery import Scenario
from skewtest.deliver.operations import SNAPSHOT, Broken, Delivered
from skewtest.deliver.payloads import Payload
from skewtest.deliver.store import make_store


class CodecError(TypeError):
    """The team's own wire format raised, or made something else than a dict of a payload."""

    code = "codec"


def receiver(scenario: Scenario) -> Callable[[Delivered], Delivered] | None:
    """Return what a team's own wire format makes of a lane; None where there is none.

    A payload that it cannot take ends the lane: `broken` has a CodecError. The formats that have a
    name, and zones, have been applied when payloads were made: see `deliver`.
    """
    wire = scenario.delivery.wire
    return partial(_receive, wire) if callable(wire) else None


def store_of(scenario: Scenario) -> Callable[[Any], Any] | None:
    """Return what a store makes of an answered value; None where there is no store."""
    store = scenario.delivery.store
    return None if store == "none" else make_store(store)


def _receive(codec: Callable[[Payload], Any], lane: Delivered) -> Delivered:
    # Another list: the lane itself may be delivered again, to the other side.
    payloads = list(lane.payloads)
    for position, row in enumerate(lane.rows):
        if row <= SNAPSHOT:
            continue  # restarts bring nothing
        try:
            payloads[position] = _through(codec, payloads[position])
        except CodecError as error:
            return lane._replace(payloads=payloads, broken=Broken(position, error))
    return lane._replace(payloads=payloads)


def _through(codec: Callable[[Payload], Any], payload: Payload) -> Payload:
    try:
        received = codec(payload)
    except Exception as error:
        raise CodecError(f"it raised {type(error).__name__}") from error
    if not isinstance(received, Mapping):
        raise CodecError(f"it returned {type(received).__name__}; expected a dict")
    # A dict whatever mapping it is, since the online side is promised one.
    return dict(received)
