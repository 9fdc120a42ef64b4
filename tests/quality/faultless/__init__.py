"""Views that stand everything that their delivery declares; `FAULTLESS` holds them all."""

from quality.faultless import joins, states
from quality.streams import FAULTLESS

__all__ = ["FAULTLESS", "joins", "states"]
