"""Tracebacks of user code: without our own frames, and without those of what runs it for us."""

import traceback
from pathlib import Path

OUR_CODE = Path(__file__).parent
# The user's own frames stand below those of what awaits, adapts or imports them.
CARRIERS = frozenset({"asyncio", "narwhals", "importlib"})


def format_user_traceback(error: BaseException) -> str:
    """Return the traceback of an exception as text, the frames of user code alone."""
    frames = []
    for frame in traceback.extract_tb(error.__traceback__):
        if _is_of_user(frame.filename):
            frames.append(frame)
    lines = traceback.format_list(frames) + traceback.format_exception_only(error)
    return "".join(lines).rstrip()


def _is_of_user(filename: str) -> bool:
    # The import system's frozen modules have names such as "<frozen importlib._bootstrap>".
    if filename.startswith("<frozen importlib"):
        return False
    file = Path(filename)
    return OUR_CODE not in file.parents and CARRIERS.isdisjoint(file.parts)
