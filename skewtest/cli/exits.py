"""How commands end."""

import sys
from pathlib import Path
from typing import NoReturn

import typer

# 2 is what typer exits with for a wrong option, 130 what shells say of a command ended by Ctrl-C.
PARITY, SKEW, USAGE, BROKEN, INTERRUPTED = 0, 1, 2, 3, 130
# With the number of the signal: 130 is that of Ctrl-C.
SIGNALLED = 128
INCOMPLETE = BROKEN
"""Of reports: something broke, so that it cannot be told whether there is parity."""


def refuse(message: str) -> NoReturn:
    """Tell what the user has to mend, and end the command."""
    typer.echo(f"skewtest: {message}", err=True)
    raise typer.Exit(USAGE)


def echo_error(line: str) -> None:
    """Write a line to where it is in nobody's way."""
    typer.echo(line, err=True)


def import_from_here() -> None:
    """Let modules of the current folder be imported, as `python -m` does."""
    if "" not in sys.path and str(Path.cwd()) not in sys.path:
        sys.path.insert(0, str(Path.cwd()))
