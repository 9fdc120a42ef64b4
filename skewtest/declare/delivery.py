"""Delivery: what may happen to events on their way to the online side."""

from dataclasses import dataclass
from typing import Literal

from skewtest.errors import DeclarationError


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """What the stream may do. Today: every event once, on time, in event-time order."""

    order: Literal["in_order"] = "in_order"

    def __post_init__(self) -> None:
        if self.order != "in_order":
            raise DeclarationError(f"Delivery(order=...) must be 'in_order'; got {self.order!r}")

    @property
    def scenarios(self) -> tuple[str, ...]:
        """The names of the scenarios that gate under this delivery."""
        return (self.order,)
