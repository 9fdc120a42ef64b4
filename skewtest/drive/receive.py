"""What the online side receives of a payload, and what is left of its answers in a store."""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from skewtest.declare.delivery import Scenario
from skewtest.declare.view import FeatureView
from skewtest.deliver.store import stored_by
from skewtest.deliver.wire import codec_of

Payload = dict[str, Any]


class CodecError(TypeError):
    """The team's own wire format raised, or made something else than a dict of a payload."""

    code = "codec"


def receiver(view: FeatureView, scenario: Scenario) -> Callable[[Payload, str], Payload] | None:
    """Return what makes of a payload, and its source ("" for a request), what arrives of it."""
    delivery = scenario.delivery
    if delivery.zone is not None:
        zone = ZoneInfo(delivery.zone)
        return lambda payload, _source: _in_zone(payload, zone)
    if delivery.wire == "none":
        return None
    schemas = {name: source.schema for name, source in view.sources.items()}
    schemas[""] = view.spine_schema
    codecs = {name: codec_of(delivery.wire, schema) for name, schema in schemas.items()}
    if callable(delivery.wire):
        own = delivery.wire
        return lambda payload, _source: _through(own, payload)
    return lambda payload, source: codecs[source](payload)


def store_of(scenario: Scenario) -> Callable[[Any], Any] | None:
    """Return what a store makes of an answered value; None where there is no store."""
    store = scenario.delivery.store
    return None if store == "none" else stored_by(store)


def _in_zone(payload: Payload, zone: ZoneInfo) -> Payload:
    return {
        name: value.astimezone(zone)
        if isinstance(value, datetime) and value.tzinfo is not None
        else value
        for name, value in payload.items()
    }


def _through(codec: Callable[[Payload], Any], payload: Payload) -> Payload:
    try:
        received = codec(payload)
    except Exception as error:
        raise CodecError(f"it raised {type(error).__name__}") from error
    if not isinstance(received, Mapping):
        raise CodecError(f"it returned {type(received).__name__}; expected a dict")
    return dict(received)
