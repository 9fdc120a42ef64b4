"""An event loop for online objects that are async: made when first needed, ended whatever runs."""

from __future__ import annotations

import ctypes
import typing
from collections.abc import Awaitable, Callable, Coroutine
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import asyncio

LAST_TURNS = 3
"""So many turns of a loop are left to what is cancelled: it may have files to close."""

# Of typing, since it is evaluated: Python 3.8 subscripts nothing of collections.abc.
Steps = typing.Generator[Any, Any, None]


class Loop:
    """One event loop for many lanes."""

    def __init__(self) -> None:
        self.loop: asyncio.AbstractEventLoop | None = None

    def run(self, coroutine: Coroutine[Any, Any, Any]) -> Any:
        """Run a coroutine to its end; return its result."""
        if self.loop is None:
            import asyncio

            self.loop = asyncio.new_event_loop()
        return self.loop.run_until_complete(coroutine)

    def end(self) -> None:
        """Cancel what still runs, and leave it: code that hangs may ignore that too."""
        loop, self.loop = self.loop, None
        if loop is None:
            return
        import asyncio

        loop.set_exception_handler(lambda _loop, _context: None)
        for task in asyncio.all_tasks(loop):
            task.cancel()
        try:
            for _ in range(LAST_TURNS):
                loop.call_soon(loop.stop)
                loop.run_forever()
            loop.run_until_complete(loop.shutdown_asyncgens())
            for task in asyncio.all_tasks(loop):
                keep_for_ever(task)
        finally:
            loop.close()


def keep_for_ever(task: Any) -> None:
    """Never let go of a task that ignores its end: to free it would run its code once more.

    `except BaseException` in a loop swallows GeneratorExit too, and then spins without an end.
    """
    ctypes.pythonapi.Py_IncRef(ctypes.py_object(task))


async def wait_for(awaitable: Any) -> Any:
    """Return what is awaited."""
    return await awaitable


async def pump(steps: Steps, awaitable: Awaitable[Any] | None) -> None:
    """Await what steps yield, to their end; errors go back to where they were awaited."""
    while awaitable is not None:
        try:
            result = await awaitable
        except BaseException as error:
            awaitable = _advance(steps.throw, error)
        else:
            awaitable = _advance(steps.send, result)


def _advance(go_on: Callable[[Any], Awaitable[Any]], value: Any) -> Awaitable[Any] | None:
    try:
        return go_on(value)
    except StopIteration:
        return None
