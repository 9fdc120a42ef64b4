"""Serve: a process that runs user code and answers messages, one after the other."""

from __future__ import annotations

import contextlib
import faulthandler
import importlib.util
import inspect
import json
import os
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any

from .clock import Follow, frozen_clock, real_clock
from .codec import decode, encode, read_message, write_message
from .exits import exit_now
from .frames import columns_of, frame_of, parameter_kinds, rows_as
from .inert import InertFinder
from .lanes import Driver
from .limits import TimeLimit, TimeLimitExceeded
from .loading import load_code
from .parcels import pack_answered, pack_column, unpack_lanes
from .telling import cpu_features, tell_error

LARGEST_ANSWER = 256 * 1024 * 1024
"""Bytes of one answer; what is larger is refused by name instead of filling the memory."""


class Progress:
    """Leaves word of the lane that runs, for whoever finds this process dead."""

    def __init__(self, descriptor: int) -> None:
        self.descriptor = descriptor
        self.beats = 0

    def tell(self, lane: int) -> None:
        """Note a lane's number, -1 for none, and that there was progress."""
        self.beats += 1
        # Of a fixed width, so that nothing of a longer number stays behind a shorter one; 20 digits
        # are enough for any of 64 bits.
        os.pwrite(self.descriptor, b"%20d%20d" % (lane, self.beats), 0)


class Worker:
    """Answers messages with what user code does."""

    def __init__(self, progress: Progress) -> None:
        self.loaded: dict[int, Any] = {}
        self.progress = progress

    def answer(self, message: dict[str, Any], buffers: list[bytes]) -> dict[str, Any]:
        """Return the answer to a message; what user code raises is one."""
        began = time.process_time()
        try:
            answer: dict[str, Any] = getattr(self, "do_" + message["do"])(message, buffers)
        except TimeLimitExceeded:
            return {"timeout": True}
        except BaseException as error:  # polars panics with a BaseException
            return {"error": tell_error(error)}
        answer["cpu_seconds"] = time.process_time() - began
        return answer

    def do_cpu(self, _message: dict[str, Any], _buffers: list[bytes]) -> dict[str, Any]:
        """Tell what the processor may be used for."""
        return {"cpu": cpu_features()}

    def do_load(self, message: dict[str, Any], _buffers: list[bytes]) -> dict[str, Any]:
        """Import an implementation; it is called by its number from then on."""
        for root in message["roots"]:
            if root not in sys.path:
                sys.path.append(root)
        code, kinds = load_code(message)
        number = len(self.loaded)
        self.loaded[number] = code
        return {"number": number, "kinds": {} if kinds is None else parameter_kinds(kinds)}

    def do_call(self, message: dict[str, Any], buffers: list[bytes]) -> dict[str, Any]:
        """Call a batch function with frames by name; return its columns."""
        arguments = {}
        for name, packed in message["frames"].items():
            # What is no frame is a value, such as `as_of`.
            is_frame = isinstance(packed, dict) and "form" in packed
            arguments[name] = frame_of(packed, buffers) if is_frame else decode(packed)
        with clock_of(message), TimeLimit(message["seconds"]):
            result = await_if_needed(self.loaded[message["number"]](**arguments))
            # Within the limit: a lazy frame is computed only now.
            columns = columns_of(result)
        if columns is None:
            return {"type": type(result).__name__}
        return {"columns": {name: pack_column(column) for name, column in columns.items()}}

    def do_value(self, message: dict[str, Any], _buffers: list[bytes]) -> dict[str, Any]:
        """Call any function with rows; return what it returned, twice, with all its types."""
        function = self.loaded[message["number"]]
        answers = []
        for _ in range(message["times"]):
            # Decoded each time: the call before may have changed its rows.
            rows = list(map(decode, message["rows"]))
            try:
                frame = rows_as(message["kind"], rows)
                with TimeLimit(message["seconds"]):
                    answers.append({"value": encode(await_if_needed(function(frame)))})
            except TimeLimitExceeded:
                return {"timeout": True}
            except BaseException as error:
                answers.append({"error": tell_error(error)})
        return {"answers": answers}

    def do_drive(self, message: dict[str, Any], _buffers: list[bytes]) -> dict[str, Any]:
        """Feed lanes to fresh online objects; return what they answer."""
        start = self.loaded[message["number"]]
        with clock_of(message) as move_clock:
            # To move the clock costs as much as to feed an event: only where code looks at it.
            follow = move_clock if message["follows"] else None
            features, seconds = message["features"], message["seconds"]
            driver = Driver(start, features, seconds, follow, self.progress.tell)
            answered = driver.drive(unpack_lanes(message))
        return pack_answered(answered)


def clock_of(message: dict[str, Any]) -> contextlib.AbstractContextManager[Follow]:
    """Return the clock that a message asks for."""
    return frozen_clock() if message.get("clock") == "frozen" else real_clock()


def await_if_needed(result: Any) -> Any:
    """Return what a coroutine returns, and anything else as it is."""
    if not inspect.iscoroutine(result):
        return result
    import asyncio

    return asyncio.run(result)


def serve(progress: str, stand_in: str) -> None:
    """Answer messages until there are no more.

    Args:
        progress: the number of the file descriptor that is told which lane runs.
        stand_in: "inert": skewtest is not installed here, and stands for nothing; "real": it is.
    """
    incoming, outgoing = _take_pipes()
    # Of the thread that crashed alone: a traceback of each would bury it.
    faulthandler.enable(all_threads=False)
    if hasattr(sys, "set_int_max_str_digits"):
        # A feature may be an int of any length, and messages have it in digits.
        sys.set_int_max_str_digits(0)
    if stand_in == "inert":
        _stand_in_for_skewtest()
    worker = Worker(Progress(int(progress)))
    for message, buffers in _messages(incoming.read):
        answer = worker.answer(message, buffers)
        write_message(outgoing, _refuse_if_large(answer))
    exit_now(0)  # user code's own threads and exit hooks are not waited for


def _take_pipes() -> tuple[Any, Any]:
    """Return the pipes of messages, and put others in their place for user code."""
    incoming, outgoing = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    nowhere = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nowhere, 0)  # code that asks for input reads no messages
    os.dup2(2, 1)  # what user code prints does not belong among the answers
    return incoming, outgoing


def _stand_in_for_skewtest() -> None:
    names = ["skewtest"]
    if importlib.util.find_spec("pytest") is None:
        names.append("pytest")
    # In front: a folder of the user's may be called skewtest.
    sys.meta_path.insert(0, InertFinder(tuple(names)))


def _refuse_if_large(answer: dict[str, Any]) -> dict[str, Any]:
    size = len(json.dumps(answer))
    if size <= LARGEST_ANSWER:
        return answer
    error = OverflowError("the answer is larger than 256 MB: %.0f MB" % (size / 1e6))
    return {"error": tell_error(error)}


def _messages(
    read_some: Callable[[int], bytes],
) -> Iterator[tuple[dict[str, Any], list[bytes]]]:
    """Yield messages until the other end is closed."""

    def read(size: int) -> bytes:
        data = read_some(size)
        if len(data) < size:
            raise EOFError
        return data

    while True:
        try:
            message = read_message(read)
        except EOFError:
            return
        yield message
