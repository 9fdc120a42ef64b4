"""Lanes as a team's own wire format leaves them, before they reach an online object."""

from skewtest.deliver.operations import Broken, Delivered
from skewtest.drive.receive import CodecError, receiver
from skewtest.generate.history import Pack
from skewtest.sides.answers import Failure
from skewtest.sides.side import Conditions
from skewtest.worker.feeder import requests_among


def receive_lanes(
    conditions: Conditions, pack: Pack, side: str
) -> tuple[list[Delivered], dict[int, Failure]]:
    """Return lanes as their wire format leaves them, and the rows that it broke.

    A lane whose payload the format cannot carry ends there.
    """
    receive = receiver(conditions.scenario)
    broken: dict[int, Failure] = {}
    lanes = []
    for sent in conditions.operations(pack):
        lane = sent if receive is None else receive(sent)
        size = len(lane.rows)
        if lane.broken is not None:
            size = lane.broken.position
            failure = _failure_of(side, lane, lane.broken)
            broken |= dict.fromkeys(requests_among(lane.rows[size:]), failure)
        # What is broken from its first operation on is not fed at all.
        if size:
            lanes.append(_first(lane, size))
    return lanes, broken


def _failure_of(side: str, lane: Delivered, broken: Broken) -> Failure:
    error = broken.error
    if isinstance(error, CodecError):
        return Failure(side, "codec", {"told": str(error)}, error.__cause__)
    facts = {"operation": broken.position + 1, "of": len(lane.rows)}
    return Failure(side, "raised", facts, error)


def _first(lane: Delivered, size: int) -> Delivered:
    """Return the first operations of a lane."""
    if size == len(lane.rows):
        return lane
    workers = None if lane.workers is None else lane.workers[:size]
    return lane._replace(
        rows=lane.rows[:size],
        sources=lane.sources[:size],
        payloads=lane.payloads[:size],
        instants=lane.instants[:size],
        events=lane.events[:size],
        workers=workers,
    )
