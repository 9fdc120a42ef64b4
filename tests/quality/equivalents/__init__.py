"""Views whose sides agree, though they are written differently; `EQUIVALENTS` holds them all."""

from quality.equivalents import days, entities, moments, ranks, sequences, sources, sums
from quality.registry import EQUIVALENTS

__all__ = [
    "EQUIVALENTS",
    "days",
    "entities",
    "moments",
    "ranks",
    "sequences",
    "sources",
    "sums",
]
