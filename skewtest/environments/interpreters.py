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

# A shim that hangs, or a Python on a network drive, must not hold up the others.
ANSWER_SECONDS = 30
_TELL_VERSION = "import sys; print('%d.%d.%d' % sys.version_info[:3])"


def interpreter_of(python: str | None) -> str:
    """Return the path of an interpreter of a version; None is the one that runs skewtest.

    Looked for in the environment variable SKEWTEST_PYTHON_3_9, in this interpreter, in pyenv's
    versions, in what uv knows, and on the PATH.

    Raises:
        EnvironmentFailedError: there is none.
    """
    version = python or "{}.{}.{}".format(*sys.version_info[:3])
    interpreter = _find_interpreter(version)
    if interpreter is None:
        variable = _variable(version)
        raise EnvironmentFailedError(
            "interpreter missing",
            f"no Python {version} is on this machine. Install it (pyenv install {version}, or uv "
            f"python install {version}), or name one with the environment variable {variable}.",
        )
    return interpreter


@lru_cache(maxsize=64)
def version_of(interpreter: str) -> str | None:
    """Return the version that an interpreter says it is, None if it does not run."""
    try:
        answer = subprocess.run(  # noqa: S603 - a candidate is executed before it is believed
            [interpreter, "-I", "-c", _TELL_VERSION],
            capture_output=True,
            text=True,
            timeout=ANSWER_SECONDS,
            check=True,
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return answer.stdout.split("\n", maxsplit=1)[0] or None


@lru_cache(maxsize=64)
def _find_interpreter(version: str) -> str | None:
    for candidate in _candidates(version):
        actual = version_of(candidate) or ""
        # "3.9" is any 3.9; the dot keeps 3.1 and 3.11 apart.
        if actual == version or actual.startswith(f"{version}."):
            return candidate
    return None


def _candidates(version: str) -> Iterator[str]:
    """Yield paths at which a Python of a version may be, what the owner named first."""
    named = os.environ.get(_variable(version))
    if named:
        yield named
    yield sys.executable
    root = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv")
    for folder in sorted(root.glob(f"versions/{version}*"), key=_release, reverse=True):
        yield str(folder / "bin" / "python")
    yield from _candidates_of_uv(version)
    on_path = shutil.which("python" + ".".join(version.split(".")[:2]))
    if on_path:
        yield on_path


def _candidates_of_uv(version: str) -> Iterator[str]:
    uv = uv_path()
    if uv is None:
        return
    # Nothing is downloaded: a Python is installed by who asks for one.
    answer = subprocess.run(  # noqa: S603 - our own dependency
        [uv, "python", "find", "--no-project", "--no-python-downloads", version],
        capture_output=True,
        text=True,
        check=False,
    )
    if answer.returncode == 0:
        yield answer.stdout.strip()


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


def _variable(version: str) -> str:
    return "SKEWTEST_PYTHON_" + "_".join(version.split(".")[:2])


def _release(folder: Path) -> tuple[int, ...]:
    """Return a pyenv folder's version as numbers, by which 3.11.10 comes after 3.11.9."""
    return tuple(int(part) for part in folder.name.split(".") if part.isdigit())
