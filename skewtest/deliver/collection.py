"""Collection: Python's garbage collector, kept away from what cannot make garbage in circles."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def pause_collection() -> Iterator[None]:
    """Keep the garbage collector from running.

    It runs every few hundred new containers and then walks through the others. Where tens of
    thousands of payloads are made, none of which is garbage, that takes a third of the time.
    """
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()
