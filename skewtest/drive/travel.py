"""`time_machine.travel`, without the import of pytest.

time_machine imports pytest where it is installed, to define a fixture: 0.3 CPU seconds, a fifth of
what the first check imports. Where pytest is not loaded nobody can use that fixture yet, so pytest
is hidden while time_machine is imported. Under pytest this is an ordinary import.
"""

import sys
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def _hidden(name: str) -> Iterator[None]:
    """Make a module that is not loaded look as if it were not installed."""
    if name in sys.modules:
        yield
        return
    sys.modules[name] = None  # type: ignore[assignment] # documented: its import then fails
    try:
        yield
    finally:
        del sys.modules[name]


with _hidden("pytest"):
    from time_machine import travel

__all__ = ["travel"]
