"""Batch functions that are coroutines."""

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

T = TypeVar("T")


def run_coroutine(coroutine: Coroutine[Any, Any, T]) -> T:
    """Return what a coroutine returns, run in an event loop of its own."""
    return asyncio.run(coroutine)
