"""The random streams that are everybody's: user code draws from them, and nobody else notices."""

import random
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np


@contextmanager
def restore_streams() -> Iterator[None]:
    """Put the global streams of `random` and numpy back as they were when the block ends.

    Within it they go on from call to call: code that draws from them has other luck each time.
    """
    state, numpy_state = random.getstate(), np.random.get_state()  # noqa: NPY002 - user code's
    try:
        yield
    finally:
        random.setstate(state)
        np.random.set_state(numpy_state)  # noqa: NPY002 - the same


def begin_other_streams() -> None:
    """Begin streams of this process's own: forked children would all draw the same numbers."""
    random.seed()
    np.random.seed()  # noqa: NPY002 - user code's
