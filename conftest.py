"""Plugins of the tests, which pytest reads in the root folder alone, and what processes keep."""

import importlib
import os
import sys
from collections.abc import Iterator
from typing import Any

import pytest

pytest_plugins = "pytester"

# Dozens of tests start Python anew. Where nothing compiled may be kept, each of them compiles
# pytest, polars and skewtest for itself, which is more than half of all that the tests would cost.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
sys.dont_write_bytecode = False

UNCHECKED = frozenset({"finding", "gap", "stopped", "refused"})
"""Ends of a fault after which no run may exit with 0: see tests/unit/fault_rows.py."""


@pytest.fixture(autouse=True)
def no_fault_ends_green(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> Iterator[None]:
    """Fail a test of a fault whose last run of pytest, or of our commands, exits with 0."""
    ends = {mark.kwargs["ends"] for mark in request.node.iter_markers("fault")}
    if not ends or ends - UNCHECKED:
        yield
        return
    exits: list[int] = []
    _note_exits(monkeypatch, exits, pytest.RunResult, "ret")
    _note_exits(monkeypatch, exits, importlib.import_module("typer.testing").Result, "exit_code")
    yield
    assert not exits or exits[-1] != 0, "a fault ended with exit 0"


def _note_exits(
    monkeypatch: pytest.MonkeyPatch, exits: list[int], result_type: Any, name: str
) -> None:
    make = result_type.__init__

    def note(result: Any, *arguments: Any, **settings: Any) -> None:
        make(result, *arguments, **settings)
        exits.append(int(getattr(result, name)))

    monkeypatch.setattr(result_type, "__init__", note)
