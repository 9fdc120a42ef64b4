"""Operations: what reaches an online object, in the order in which it arrives."""

from __future__ import annotations

from typing import Any, NamedTuple

EVENT, SNAPSHOT, RESTORE, BOOTSTRAP = -1, -2, -3, -4
"""What an operation is, where it is no request (those are numbered from 0)."""


class Lane(NamedTuple):
    """The operations of one lane; each attribute but the first has one item an operation.

    Attributes:
        lane: its number.
        rows: the number of the spine row that is asked for, or EVENT, SNAPSHOT, RESTORE, BOOTSTRAP.
        sources: the event's source, "" for anything else.
        payloads: a fresh dict that the receiver may keep or change.
        instants: when it happens, in microseconds.
        workers: which of two workers gets it; None where there is one.
    """

    lane: int
    rows: list[int]
    sources: list[str]
    payloads: list[dict[str, Any]]
    instants: list[int]
    workers: list[int] | None = None
