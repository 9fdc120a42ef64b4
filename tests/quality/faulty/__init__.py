"""Views that agree in order and break under one delivery fault, by theme; `FAULTY` holds them."""

from quality.faulty import copies, disorder, lateness, restarts, starts, wires, workers
from quality.streams import FAULTY

__all__ = [
    "FAULTY",
    "copies",
    "disorder",
    "lateness",
    "restarts",
    "starts",
    "wires",
    "workers",
]
