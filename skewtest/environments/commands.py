"""Commands that environments are made with: uv, pip, and the interpreters themselves."""

import os
import subprocess
from collections.abc import Sequence
from pathlib import Path

from skewtest.environments.runtime import LEFT_OUT

# A cold build downloads some hundred megabytes: pandas, pyarrow and scipy over a slow line.
BUILD_SECONDS = 900
# The first import of scikit-learn compiles thousands of files, on a busy machine for over a minute.
PROBE_SECONDS = 120


def run_command(
    command: Sequence[str], *, stdin: str = "", seconds: float = BUILD_SECONDS
) -> "subprocess.CompletedProcess[str]":
    """Return what a command wrote; one that does not end in time has failed with exit code 1.

    Args:
        command: the program and its arguments.
        stdin: what it reads from its standard input.
        seconds: after which it is ended.
    """
    variables = {}
    for name, value in os.environ.items():
        if name not in LEFT_OUT:
            variables[name] = value
    try:
        return subprocess.run(  # noqa: S603 - uv, or an interpreter that the owner named
            list(command),
            input=stdin,
            capture_output=True,
            text=True,
            timeout=seconds,
            check=False,
            env=variables,
        )
    except subprocess.TimeoutExpired:
        reason = f"{Path(command[0]).name} did not end within {seconds:.0f} s"
        return subprocess.CompletedProcess(list(command), 1, "", reason)
