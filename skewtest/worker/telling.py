"""What a worker tells of itself and of what went wrong in it."""

from __future__ import annotations

import importlib
import os
import traceback
from typing import Any

HERE = os.path.dirname(os.path.abspath(__file__))
LONGEST_MESSAGE, LONGEST_TRACEBACK = 10_000, 20_000
"""Characters: more is no help to a reader, and somebody's exception holds a whole frame."""


def tell_error(error: BaseException) -> dict[str, Any]:
    """Return what an exception says, and where in user code it was raised."""
    kind = type(error)
    frames = list(filter(_is_of_user, traceback.extract_tb(error.__traceback__)))
    lines = traceback.format_list(frames) + traceback.format_exception_only(kind, error)
    # `__str__` of somebody's exception is user code too.
    try:
        message = str(error)
    except Exception:
        message = "(its message cannot be made)"
    return {
        "type": kind.__name__,
        "message": message[:LONGEST_MESSAGE],
        # Its end: the error is told on the last line.
        "traceback": "".join(lines)[-LONGEST_TRACEBACK:],
        "bases": [base.__name__ for base in kind.__mro__],
        "missing": getattr(error, "name", None) if isinstance(error, ImportError) else None,
    }


def _is_of_user(frame: traceback.FrameSummary) -> bool:
    """Return whether a frame is neither of this package nor of the import system."""
    is_ours = os.path.abspath(frame.filename).startswith(HERE)
    return not is_ours and "importlib" not in frame.filename


def cpu_features() -> list[str]:
    """Return the SIMD features that numpy has found and may use; none without numpy."""
    # numpy 2 renamed its core; there is no public name for this.
    for name in ("numpy._core._multiarray_umath", "numpy.core._multiarray_umath"):
        try:
            features = importlib.import_module(name).__cpu_features__
        except (ImportError, AttributeError):
            continue
        return sorted(filter(features.get, features))
    return []
