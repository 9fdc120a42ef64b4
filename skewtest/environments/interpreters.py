"""Interpreters: where a Python of some version is on this machine.

Each candidate is executed before it is believed: a version manager's shims are there and fail.
"""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path

from skewtest.environments.failures import EnvironmentFailedError

SECONDS = 30
ASKS = "import sys; print('%d.%d.%d' % sys.version_info[:3]); print(sys.executable)"


def interpreter_of(python: str | None) -> str:
    """Return the path of an interpreter of a version; None is the one that runs skewtest.

    Looked for in the environment variable SKEWTEST_PYTHON_3_9, in this interpreter, in pyenv's
    versions, in what uv knows, and on the PATH.

    Raises:
        EnvironmentFailedError: there is none.
    """
    wanted = python or "{}.{}.{}".format(*sys.version_info[:3])
    found = _found(wanted)
    if found is None:
        variable = _variable(wanted)
        raise EnvironmentFailedError(
            "interpreter missing",
            f"no Python {wanted} is on this machine. Install it (pyenv install {wanted}, or uv "
            f"python install {wanted}), or name one with the environment variable {variable}.",
        )
    return found


@lru_cache(maxsize=64)
def version_of(interpreter: str) -> str | None:
    """Return the version that an interpreter says it is, None if it does not run."""
    try:
        asked = subprocess.run(  # noqa: S603 - a candidate is executed before it is believed
            [interpreter, "-I", "-c", ASKS],
            capture_output=True,
            text=True,
            timeout=SECONDS,
            check=True,
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return asked.stdout.split("\n", maxsplit=1)[0] or None


@lru_cache(maxsize=64)
def _found(wanted: str) -> str | None:
    for candidate in _candidates(wanted):
        version = version_of(candidate)
        if version == wanted or (version or "").startswith(f"{wanted}."):
            return candidate
    return None


def _candidates(wanted: str) -> Iterator[str]:
    named = os.environ.get(_variable(wanted))
    if named:
        yield named
    yield sys.executable
    root = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv")
    for folder in sorted(root.glob(f"versions/{wanted}*"), key=_newest, reverse=True):
        yield str(folder / "bin" / "python")
    uv = uv_path()
    if uv is not None:
        asked = subprocess.run(  # noqa: S603 - our own dependency
            [uv, "python", "find", "--no-project", "--no-python-downloads", wanted],
            capture_output=True,
            text=True,
            check=False,
        )
        if asked.returncode == 0:
            yield asked.stdout.strip()
    on_path = shutil.which("python" + ".".join(wanted.split(".")[:2]))
    if on_path:
        yield on_path


def uv_path() -> str | None:
    """Return the path of uv, None where it is not installed."""
    try:
        from uv import find_uv_bin  # noqa: PLC0415 - may be missing
    except ImportError:
        return shutil.which("uv")
    try:
        return find_uv_bin()
    except FileNotFoundError:
        return shutil.which("uv")


def _variable(wanted: str) -> str:
    return "SKEWTEST_PYTHON_" + "_".join(wanted.split(".")[:2])


def _newest(folder: Path) -> tuple[int, ...]:
    return tuple(int(part) for part in folder.name.split(".") if part.isdigit())
